defmodule Bloom.Test.Faults.Life do
  @moduledoc """
  A node of the matrix: started on a root, started again whenever it ends, as its supervisor would, and asked for the
  operation of its scenario.
  """

  alias Bloom.Test.Faults.{Interposer, Scenario, Site, Verdict}
  alias Bloom.Test.Node

  @timeout_ms 90_000
  # A supervisor whose child waits in its start does not answer.
  @look_ms 3000

  @doc """
  Starts a copy of a prepared root with the interposer in it; where the start itself is what is struck at, it is armed
  before that.
  """
  @spec start!(Site.t(), Scenario.t(), Path.t(), Path.t(), Interposer.strike()) :: {Node.t(), Interposer.t()}
  def start!(site, scenario, base, root, strike) do
    Site.copy!(base, root)
    if Scenario.database?(scenario), do: Site.make_database!(root, base)
    interposer = Interposer.new(site.library, root)
    env = Scenario.env(scenario, root, scenario.probation_ms) ++ Interposer.env(interposer)
    {:ok, node} = if Scenario.boot?(scenario), do: start_armed(interposer, env, strike), else: start(root, env)
    {node, interposer}
  end

  defp start_armed(interposer, env, strike) do
    Interposer.arm(interposer, strike)
    Node.start(interposer.root, env: env, restart: true)
  end

  @doc "Asks a node for the operation of its scenario, with the interposer armed."
  @spec begin(Node.t(), Scenario.t(), Interposer.t(), Interposer.strike()) :: Task.t()
  def begin(node, scenario, interposer, strike) do
    if not Scenario.boot?(scenario), do: Interposer.arm(interposer, strike)
    ask(node, scenario)
  end

  @doc "Starts a root and waits until everything that was left in it is settled."
  @spec start(Path.t(), [{String.t(), String.t()}]) :: {:ok, Node.t()} | {:error, String.t()}
  def start(root, env) do
    with {:ok, node} <- Node.start(root, env: env, restart: true),
         :ok <- Verdict.await_settled(node) do
      {:ok, node}
    else
      {:error, output} -> {:error, "it does not come back: " <> head(output)}
      {:busy, what} -> {:error, "it does not settle: #{inspect(what)}"}
    end
  end

  defp head(output), do: output |> String.split("\n") |> Enum.take(8) |> Enum.join("\n")

  @doc "Ends it, without any more starts."
  @spec stop(Node.t()) :: :ok
  def stop(node), do: Node.stop(node, :kill)

  @doc "Asks for the operation of a scenario. The node may be gone before it answers."
  @spec ask(Node.t(), Scenario.t()) :: Task.t()
  def ask(node, scenario) do
    Task.async(fn ->
      try do
        Scenario.operate(scenario, node)
      catch
        kind, reason -> {:gone, kind, reason}
      end
    end)
  end

  @doc "The answer."
  @spec answer(Task.t()) :: term()
  def answer(asked), do: Task.await(asked, @timeout_ms)

  @doc "Waits until something holds."
  @spec await((() -> boolean()), integer()) :: :ok
  def await(condition, deadline \\ System.monotonic_time(:millisecond) + @timeout_ms) do
    cond do
      condition.() -> :ok
      System.monotonic_time(:millisecond) > deadline -> raise "nothing happened for #{@timeout_ms} ms"
      true -> receive(after: (5 -> await(condition, deadline)))
    end
  end

  @doc "Whether the operation was answered, and what it began has come to its end."
  @spec over?(Node.t(), Task.t()) :: boolean()
  def over?(node, asked), do: not Process.alive?(asked.pid) and Verdict.settled(node) == :ok

  @doc "Whether the node is stopped by SIGSTOP."
  @spec stopped?(Node.t()) :: boolean()
  def stopped?(node) do
    case File.read("/proc/#{Node.launcher_pid(node)}/stat") do
      {:ok, stat} -> stat |> String.split(") ") |> List.last() |> String.starts_with?("T")
      {:error, _gone} -> false
    end
  end

  @doc "The processes of Bloom in a node, by name. The release handler is none of them: without it the VM ends (P10)."
  @spec processes(Node.t()) :: %{String.t() => pid() | nil}
  def processes(node) do
    children = Node.rpc(node, Supervisor, :which_children, [Bloom.Supervisor], @look_ms)
    driver = Node.rpc(node, Process, :whereis, [Bloom.Deployment.Driver])
    supervisor = Node.rpc(node, Process, :whereis, [Bloom.Supervisor])

    for {id, pid, _type, _modules} <- children, is_pid(pid), into: %{"driver" => driver, "supervisor" => supervisor} do
      {id |> inspect() |> String.replace_prefix("Bloom.", ""), pid}
    end
  end

  @doc """
  Kills a process of Bloom and waits until it is gone. Between two lives of the VM, and while Bloom is stopped or not yet
  started in one, there is none.
  """
  @spec kill(Node.t(), String.t()) :: :ok | :not_there
  def kill(node, process) do
    case node |> processes() |> Map.get(process) do
      nil -> :not_there
      pid -> kill_and_wait(pid)
    end
  rescue
    error in ErlangError ->
      {:erpc, reason} = error.original
      if reason in [:noconnection, :timeout], do: :not_there, else: reraise(error, __STACKTRACE__)
  catch
    :exit, {:exception, {_ended, {GenServer, :call, [Bloom.Supervisor, :which_children, _timeout]}}} -> :not_there
  end

  defp kill_and_wait(pid) do
    ref = Process.monitor(pid)
    Process.exit(pid, :kill)
    receive(do: ({:DOWN, ^ref, :process, _pid, _reason} -> :ok))
  end
end
