defmodule Bloom.Telemetry do
  @moduledoc """
  Tells what Bloom does while it does it.

  Where the application has `:telemetry`, every event goes to its handlers:

      :telemetry.attach_many("deployments", Bloom.Telemetry.events(), &MyApp.Metrics.handle/4, nil)

  A process that wants them without it subscribes, and gets `{:bloom_event, event, measurements, metadata}`:

      :ok = Bloom.Telemetry.subscribe()

      receive do
        {:bloom_event, [:bloom, :deployment, :stop], _measurements, %{outcome: outcome}} -> outcome
      end

  Nobody who listens can hold a deployment up. Handlers of `:telemetry` are called by a process of their own, in the order
  of the events; one that raises or hangs is left alone. A message to a subscriber is sent without waiting: one on
  another node whose connection is full misses events.

  All events with their measurements and metadata are in `Bloom.Telemetry.Events` and in the guide "Telemetry".
  """

  alias Bloom.Error
  alias Bloom.Telemetry.{Dispatcher, Events}

  @typedoc "What has started and not stopped yet."
  @type span :: %{prefix: [atom()], metadata: map(), started: integer()}

  @doc """
  The names of all events, as `:telemetry.attach_many/4` takes them.

      iex> [:bloom, :deployment, :stop] in Bloom.Telemetry.events()
      true
  """
  @spec events() :: [[atom()]]
  def events, do: Events.names()

  @doc """
  Sends every event from now on to the calling process, until it ends or calls `unsubscribe/0`.

      iex> Bloom.Telemetry.subscribe()
      :ok
      iex> Bloom.Telemetry.execute([:bloom, :example], %{count: 1}, %{})
      iex> receive do: ({:bloom_event, [:bloom, :example], measurements, _metadata} -> measurements)
      %{count: 1}
      iex> Bloom.Telemetry.unsubscribe()
      :ok
  """
  @spec subscribe() :: :ok | {:error, Error.t()}
  def subscribe, do: Dispatcher.subscribe(self())

  @doc "Sends it no more events. Those that were sent already stay in its mailbox."
  @spec unsubscribe() :: :ok | {:error, Error.t()}
  def unsubscribe, do: Dispatcher.unsubscribe(self())

  @doc """
  Emits an event.

      iex> Bloom.Telemetry.execute([:bloom, :example], %{count: 1}, %{version: "1.1.0"})
      :ok
  """
  @spec execute([atom()], map(), map()) :: :ok
  def execute(event, measurements, metadata), do: Dispatcher.emit(event, measurements, metadata)

  @doc """
  Emits `start` of something that `stop/2` or `exception/4` will end.

      iex> span = Bloom.Telemetry.start([:bloom, :example], %{version: "1.1.0"})
      iex> Bloom.Telemetry.stop(span, %{result: :ok})
      :ok
  """
  @spec start([atom()], map()) :: span()
  def start(prefix, metadata) do
    metadata = Map.put(metadata, :telemetry_span_context, make_ref())
    started = System.monotonic_time()
    execute(prefix ++ [:start], %{system_time: System.system_time(), monotonic_time: started}, metadata)
    %{prefix: prefix, metadata: metadata, started: started}
  end

  @doc "Emits `stop`, with more metadata. For an example see `start/2`."
  @spec stop(span(), map()) :: :ok
  def stop(span, metadata), do: finish(span, :stop, metadata)

  @doc """
  Emits `exception`, for what was ended by a crash.

      iex> span = Bloom.Telemetry.start([:bloom, :example], %{})
      iex> Bloom.Telemetry.exception(span, :exit, :killed, [])
      :ok
  """
  @spec exception(span(), :error | :exit | :throw, term(), list()) :: :ok
  def exception(span, kind, reason, stacktrace) do
    finish(span, :exception, %{kind: kind, reason: reason, stacktrace: stacktrace})
  end

  @doc """
  Emits `start` and `stop` around `fun`, which answers its result and more metadata; `exception` where it crashes.

      iex> Bloom.Telemetry.span([:bloom, :example], %{}, fn -> {:done, %{result: :ok}} end)
      :done
  """
  @spec span([atom()], map(), (() -> {result, map()})) :: result when result: term()
  def span(prefix, metadata, fun) do
    span = start(prefix, metadata)

    try do
      fun.()
    catch
      kind, reason ->
        exception(span, kind, reason, __STACKTRACE__)
        :erlang.raise(kind, reason, __STACKTRACE__)
    else
      {result, more} ->
        stop(span, more)
        result
    end
  end

  defp finish(span, how, metadata) do
    now = System.monotonic_time()
    measurements = %{duration: now - span.started, monotonic_time: now}
    execute(span.prefix ++ [how], measurements, Map.merge(span.metadata, metadata))
  end
end
