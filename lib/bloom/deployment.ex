defmodule Bloom.Deployment do
  @moduledoc """
  One deployment at a time, driven by a process of its own.

  The driver hangs in no supervision tree: a relup suspends whatever it upgrades, and a process that waits
  for the release handler from inside such a tree would wait for itself. This server stays responsive
  meanwhile and can be asked for the `status/0`.
  """

  use GenServer

  alias Bloom.{Error, Native}

  @type operation :: :install | :switch | :rollback

  @typedoc "What a deployment may use: who is told the stage, and what a long stage passes on to `Bloom.Native`."
  @type control :: %{report: (atom() -> :ok), watch: %{progress: {pid(), reference()}, cancel: term()}}

  @typedoc "`progress` is bytes done and their total, where the stage counts them."
  @type status ::
          :idle
          | %{
              operation: operation(),
              version: String.t(),
              stage: atom(),
              progress: {non_neg_integer(), pos_integer()} | nil,
              elapsed_ms: non_neg_integer()
            }

  @doc false
  def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @doc """
  Runs a deployment and waits for its result.

  `fun` gets the means to report its stage and its progress, and to be cancelled. A second deployment meanwhile
  is refused by name.
  """
  @spec run(operation(), String.t(), (control() -> result)) :: result | {:error, Error.t()} when result: term()
  def run(operation, version, fun) do
    GenServer.call(__MODULE__, {:run, operation, version, fun}, :infinity)
  catch
    :exit, {:noproc, _call} ->
      {:error,
       Error.new(:not_started, "Bloom is not running",
         suggestions: ["start the :bloom application, or add Bloom.Application to your supervision tree"]
       )}
  end

  @doc "What is going on right now."
  @spec status() :: status()
  def status, do: GenServer.call(__MODULE__, :status)

  @doc """
  Stops an installation while its archive is being unpacked; what was unpacked is removed.

  Everything later is over in moments or must not be torn apart, and is refused.
  """
  @spec cancel() :: :ok | {:error, Error.t()}
  def cancel, do: GenServer.call(__MODULE__, :cancel)

  @impl true
  def init(nil), do: {:ok, nil}

  @impl true
  def handle_call({:run, operation, version, fun}, from, nil) do
    case Native.cancel_token() do
      {:ok, token} -> {:noreply, drive(operation, version, fun, from, token)}
      {:error, error} -> {:reply, {:error, error}, nil}
    end
  end

  def handle_call({:run, _operation, _version, _fun}, _from, busy) do
    message = "#{busy.operation} of release #{busy.version} is in progress (#{busy.stage})"
    error = Error.new(:deployment_in_progress, message, suggestions: ["wait for it to end; see Bloom.status()"])
    {:reply, {:error, error}, busy}
  end

  def handle_call(:status, _from, nil), do: {:reply, :idle, nil}

  def handle_call(:status, _from, busy) do
    elapsed = System.monotonic_time(:millisecond) - busy.started
    {:reply, busy |> Map.take([:operation, :version, :stage, :progress]) |> Map.put(:elapsed_ms, elapsed), busy}
  end

  def handle_call(:cancel, _from, %{stage: :stage} = busy), do: {:reply, Native.cancel(busy.cancel), busy}

  def handle_call(:cancel, _from, nil) do
    {:reply, {:error, Error.new(:nothing_to_cancel, "no deployment is in progress")}, nil}
  end

  def handle_call(:cancel, _from, busy) do
    message = "#{busy.operation} of release #{busy.version} cannot be cancelled any more (#{busy.stage})"
    {:reply, {:error, Error.new(:not_cancellable, message, suggestions: ["let it end, then roll back"])}, busy}
  end

  @impl true
  def handle_cast({:stage, stage}, %{} = busy), do: {:noreply, %{busy | stage: stage, progress: nil}}
  def handle_cast({:stage, _late}, nil), do: {:noreply, nil}

  @impl true
  def handle_info({:bloom_progress, ref, done, total}, %{progress_ref: ref} = busy) do
    {:noreply, %{busy | progress: {done, total}}}
  end

  def handle_info({:DOWN, ref, :process, _driver, reason}, %{ref: ref} = busy) do
    GenServer.reply(busy.from, result(reason, busy))
    {:noreply, nil}
  end

  def handle_info(_unexpected, state), do: {:noreply, state}

  defp result({:done, result}, _busy), do: result

  defp result(reason, busy) do
    {:error,
     Error.new(:deployment_crashed, "#{busy.operation} of release #{busy.version} crashed (#{busy.stage})",
       details: %{reason: reason},
       suggestions: ["see the log for the crash: #{Exception.format_exit(reason)}"]
     )}
  end

  defp drive(operation, version, fun, from, token) do
    server = self()
    progress = make_ref()

    control = %{
      report: fn stage -> GenServer.cast(server, {:stage, stage}) end,
      watch: %{progress: {server, progress}, cancel: token}
    }

    {driver, ref} =
      :erlang.spawn_opt(
        fn ->
          # A caller over RPC takes its group leader along when it goes.
          Process.group_leader(self(), Process.whereis(:init))
          exit({:done, fun.(control)})
        end,
        [:monitor]
      )

    %{
      driver: driver,
      ref: ref,
      from: from,
      operation: operation,
      version: version,
      stage: :starting,
      progress_ref: progress,
      progress: nil,
      cancel: token,
      started: System.monotonic_time(:millisecond)
    }
  end
end
