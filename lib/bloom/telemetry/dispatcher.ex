defmodule Bloom.Telemetry.Dispatcher do
  @moduledoc """
  Brings events to whoever listens.

  Subscribers are in a table that belongs to `Bloom.Supervisor`, so that an event reaches them while this process is
  suspended by an upgrade of Bloom or started again. It looks after them and calls the handlers of `:telemetry`.
  """

  use GenServer

  require Logger

  alias Bloom.{Error, Isolated}

  @table __MODULE__

  # What takes longer is no handler of events.
  @timeout_ms 5_000
  # Handlers that cannot keep up miss events, rather than having them pile up.
  @waiting 1_000

  @doc false
  def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @doc "Makes the table of subscribers, where it is not there yet; the calling process owns it."
  @spec create() :: :ok
  def create do
    if :ets.whereis(@table) == :undefined, do: :ets.new(@table, [:named_table, :public, read_concurrency: true])
    :ok
  end

  @doc "Has a process get every event as a message."
  @spec subscribe(pid()) :: :ok | {:error, Error.t()}
  def subscribe(pid), do: ask({:subscribe, pid})

  @doc "Has it get no more of them."
  @spec unsubscribe(pid()) :: :ok | {:error, Error.t()}
  def unsubscribe(pid), do: ask({:unsubscribe, pid})

  @doc "Sends an event to everybody, without waiting for anybody."
  @spec emit([atom()], map(), map()) :: :ok
  def emit(event, measurements, metadata) do
    for pid <- [Process.whereis(__MODULE__) | subscribers()], pid != nil do
      :erlang.send(pid, {:bloom_event, event, measurements, metadata}, [:nosuspend, :noconnect])
    end

    :ok
  end

  @doc false
  def deliver(event, measurements, metadata) do
    # Found at run time: Bloom does not depend on it. One that has not started yet has no handlers.
    if List.keymember?(Application.started_applications(), :telemetry, 0),
      do: apply(:telemetry, :execute, [event, measurements, metadata])
  end

  defp ask(request) do
    GenServer.call(__MODULE__, request)
  catch
    :exit, _reason ->
      {:error,
       Error.new(:not_started, "Bloom is not running",
         suggestions: ["start the :bloom application, or add Bloom.Application to your supervision tree"]
       )}
  end

  # Without Bloom there is no table.
  defp subscribers do
    for {pid, _monitor} <- :ets.tab2list(@table), do: pid
  rescue
    ArgumentError -> []
  end

  @impl true
  def init(nil) do
    # Those of a dispatcher before this one.
    for pid <- subscribers(), do: watch(pid)
    {:ok, %{}}
  end

  @impl true
  def handle_call({:subscribe, pid}, _from, state) do
    if not :ets.member(@table, pid), do: watch(pid)
    {:reply, :ok, state}
  end

  def handle_call({:unsubscribe, pid}, _from, state) do
    for {_pid, monitor} <- :ets.take(@table, pid), do: Process.demonitor(monitor, [:flush])
    {:reply, :ok, state}
  end

  @impl true
  def handle_info({:bloom_event, event, measurements, metadata}, state) do
    if waiting() < @waiting, do: call_handlers(event, measurements, metadata)
    {:noreply, state}
  end

  def handle_info({:DOWN, _monitor, :process, pid, _reason}, state) do
    :ets.delete(@table, pid)
    {:noreply, state}
  end

  def handle_info(_unexpected, state), do: {:noreply, state}

  defp watch(pid), do: :ets.insert(@table, {pid, Process.monitor(pid)})

  defp waiting do
    {:message_queue_len, waiting} = Process.info(self(), :message_queue_len)
    waiting
  end

  defp call_handlers(event, measurements, metadata) do
    with {{:error, why}, _time} <- Isolated.run({__MODULE__, :deliver, [event, measurements, metadata]}, @timeout_ms) do
      Logger.warning("Bloom: the handlers of #{inspect(event)} failed: #{why}")
    end
  end
end
