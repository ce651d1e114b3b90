defmodule Bloom.Deployment do
  @moduledoc """
  One deployment at a time, driven by a process of its own.

  The driver hangs in no supervision tree: a relup suspends whatever it upgrades, and a process that waits
  for the release handler from inside such a tree would wait for itself. This server stays responsive
  meanwhile and can be asked for the `status/0`.
  """

  use GenServer

  alias Bloom.Error

  @type operation :: :install | :switch | :rollback

  @type status ::
          :idle | %{operation: operation(), version: String.t(), stage: atom(), elapsed_ms: non_neg_integer()}

  @doc false
  def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @doc """
  Runs a deployment and waits for its result.

  `fun` gets a function to report the stage it is in. A second deployment meanwhile is refused by name.
  """
  @spec run(operation(), String.t(), ((atom() -> :ok) -> result)) :: result | {:error, Error.t()}
        when result: term()
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

  @impl true
  def init(nil), do: {:ok, nil}

  @impl true
  def handle_call({:run, operation, version, fun}, from, nil) do
    server = self()
    report = fn stage -> GenServer.cast(server, {:stage, stage}) end

    {driver, ref} =
      :erlang.spawn_opt(
        fn ->
          # A caller over RPC takes its group leader along when it goes.
          Process.group_leader(self(), Process.whereis(:init))
          exit({:done, fun.(report)})
        end,
        [:monitor]
      )

    {:noreply,
     %{
       driver: driver,
       ref: ref,
       from: from,
       operation: operation,
       version: version,
       stage: :starting,
       started: System.monotonic_time(:millisecond)
     }}
  end

  def handle_call({:run, _operation, _version, _fun}, _from, busy) do
    message = "#{busy.operation} of release #{busy.version} is in progress (#{busy.stage})"
    error = Error.new(:deployment_in_progress, message, suggestions: ["wait for it to end; see Bloom.status()"])
    {:reply, {:error, error}, busy}
  end

  def handle_call(:status, _from, nil), do: {:reply, :idle, nil}

  def handle_call(:status, _from, busy) do
    elapsed = System.monotonic_time(:millisecond) - busy.started
    {:reply, busy |> Map.take([:operation, :version, :stage]) |> Map.put(:elapsed_ms, elapsed), busy}
  end

  @impl true
  def handle_cast({:stage, stage}, %{} = busy), do: {:noreply, %{busy | stage: stage}}
  def handle_cast({:stage, _late}, nil), do: {:noreply, nil}

  @impl true
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
end
