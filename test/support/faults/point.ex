defmodule Bloom.Test.Faults.Point do
  @moduledoc """
  One point of the matrix: one scenario, one fault, one place.

  A point is named `SCENARIO:FAULT:N`, where N is the operation on the file system before which the fault strikes, by
  the count of the node's VM. Faults are

    * `kill` - SIGKILL of the VM, as by the kernel that is out of memory;
    * `stop` - SIGSTOP, and what a watchdog does when nothing moves any more: SIGKILL;
    * `full` - the disk is full from there on until the operation has given up, then it has space again;
    * `small-disk` - the same on a real file system, where N is how many KiB are left;
    * `full-boot` - SIGKILL, and the disk is full when the node starts again, for a while;
    * `exit-PROCESS` - a process of Bloom is killed while the operation waits there;
    * `power-strict`, `power-ordered`, `power-torn` - the power fails there: see `Bloom.Test.Faults.Disk`.
  """

  alias Bloom.Test.Faults.{Disk, Interposer, Log, Scenario, Site, SmallDisk, Verdict}
  alias Bloom.Test.Node

  @timeout_ms 60_000

  @enforce_keys [:scenario, :fault, :at]
  defstruct [:scenario, :fault, :at, :operation]

  @type fault :: :kill | :stop | :full | :full_boot | :small_disk | {:exit, String.t()} | {:power, Disk.model()}

  @typedoc "`operation` describes the operation of the recording that has this number."
  @type t :: %__MODULE__{scenario: String.t(), fault: fault(), at: pos_integer(), operation: String.t() | nil}

  @typedoc "A recorded run: the prepared root, the root when it was armed, and every operation since."
  @type recording :: %{
          scenario: Scenario.t(),
          base: Path.t(),
          armed: Path.t(),
          operations: [Log.operation()],
          processes: [String.t()]
        }

  @doc "The name by which a point can be repeated."
  @spec name(t()) :: String.t()
  def name(%__MODULE__{} = point), do: "#{point.scenario}:#{fault_name(point.fault)}:#{point.at}"

  @doc "The name of a fault."
  @spec fault_name(fault()) :: String.t()
  def fault_name({:exit, process}), do: "exit-#{process}"
  def fault_name({:power, model}), do: "power-#{model}"
  def fault_name(fault), do: fault |> Atom.to_string() |> String.replace("_", "-")

  @doc "Runs the scenario once from its prepared root, without a fault, and writes down what it does."
  @spec record!(Scenario.t(), Site.t()) :: recording()
  def record!(scenario, site) do
    base = Scenario.prepare!(scenario, site)
    root = Site.root(site, "recorded-#{scenario.name}")
    armed = Site.root(site, "armed-#{scenario.name}")
    {node, interposer} = start!(site, scenario, base, root)
    Site.copy!(root, armed)
    Interposer.arm(interposer, :record)
    processes = node |> processes() |> Map.keys()
    answer = Scenario.operate(scenario, node)
    :ok = Verdict.await_idle(node)
    Interposer.disarm(interposer)
    [] = Verdict.of(node, site, [scenario.ends_on])
    :ok = Node.stop(node, :kill)

    if not answered?(scenario, answer), do: raise("#{scenario.name} answers #{inspect(answer)} when nothing is wrong")
    operations = Log.read(interposer.log, root)
    %{scenario: scenario, base: base, armed: armed, operations: operations, processes: processes}
  end

  defp answered?(%{answer: :ok}, answer), do: answer == :ok
  defp answered?(%{answer: :error}, answer), do: match?({:error, _text}, answer)

  @doc "Runs a point. The answer is every reason why it was lost, or none."
  @spec run(t(), recording(), Site.t()) :: [String.t()]
  def run(%__MODULE__{} = point, recording, site) do
    root = Site.root(site, String.replace(name(point), ":", "-"))
    lost = strike(point.fault, point, recording, site, root)
    Site.remove!(root)
    lost
  catch
    # What goes wrong in the harness is no proof of anything, so the point counts as lost.
    kind, reason -> ["the point could not be judged: " <> Exception.format(kind, reason, __STACKTRACE__)]
  end

  defp strike({:power, model}, point, recording, site, root) do
    recording
    |> disk_before(point.at)
    |> Disk.image(model)
    |> Disk.write!(recording.armed, root)

    after_restart(root, recording.scenario, site, versions(recording, point))
  end

  defp strike(fault, point, recording, site, root) when fault in [:kill, :stop] do
    kill!(fault, point, recording, site, root)
    after_restart(root, recording.scenario, site, versions(recording.scenario))
  end

  defp strike(:full_boot, point, recording, site, root) do
    kill!(:kill, point, recording, site, root)
    interposer = Interposer.new(site.library, root)
    Interposer.arm(interposer, {:full, 1})

    with_node(root, Interposer.env(interposer), fn node ->
      lost = Verdict.serving(node, site, versions(recording.scenario))
      Interposer.disarm(interposer)
      in_words("on a full disk", lost) ++ Verdict.good_deployment(node, site, recording.scenario)
    end)
  end

  defp strike(:full, point, recording, site, root) do
    {node, interposer} = start!(site, recording.scenario, recording.base, root)
    Interposer.arm(interposer, {:full, point.at})
    full_for_a_while(node, recording.scenario, site, fn -> Interposer.disarm(interposer) end)
  end

  defp strike(:small_disk, point, recording, site, root) do
    SmallDisk.mount!(recording.base, root)
    {:ok, node} = Node.start(root, env: Scenario.env(recording.scenario.probation_ms))
    :ok = Verdict.await_idle(node)
    SmallDisk.fill!(root, point.at)
    lost = full_for_a_while(node, recording.scenario, site, fn -> SmallDisk.free!(root) end)
    SmallDisk.unmount!(root)
    lost
  end

  defp strike({:exit, process}, point, recording, site, root) do
    {node, interposer} = start!(site, recording.scenario, recording.base, root)
    Interposer.arm(interposer, {:pause, point.at})
    asked = ask(node, recording.scenario)
    await(fn -> Interposer.paused?(interposer) or not Process.alive?(asked.pid) end)
    kill(node, process)
    Interposer.disarm(interposer)
    # Without it the application ends, and with that the node.
    if process == "supervisor", do: await(fn -> Node.ended?(node) end)
    Task.shutdown(asked, @timeout_ms)

    lost =
      if Node.ended?(node),
        do: [],
        else:
          in_words("without a restart", Verdict.of(node, site, versions(recording.scenario))) ++
            Verdict.good_deployment(node, site, recording.scenario)

    :ok = Node.stop(node, :kill)
    lost ++ in_words("after the next start", restarted(root, site, Map.keys(site.archives)))
  end

  defp full_for_a_while(node, scenario, site, free) do
    node |> ask(scenario) |> Task.await(@timeout_ms)
    busy = Verdict.await_idle(node)
    lost = Verdict.serving(node, site, versions(scenario))
    free.()

    lost =
      if(busy == :ok, do: [], else: ["it is not idle while the disk is full: #{inspect(busy)}"]) ++
        in_words("on a full disk", lost) ++
        Verdict.good_deployment(node, site, scenario)

    :ok = Node.stop(node, :kill)
    lost ++ in_words("after the next start", restarted(node.root, site, Map.keys(site.archives)))
  end

  defp kill!(fault, point, recording, site, root) do
    {node, interposer} = start!(site, recording.scenario, recording.base, root)
    os_pid = Node.os_pid(node)
    Interposer.arm(interposer, {fault, point.at})
    asked = ask(node, recording.scenario)
    # The count differs a little from run to run; where the operation ends before, the fault comes after its end.
    await(fn -> Node.ended?(node) or stopped?(os_pid) or not Process.alive?(asked.pid) end)
    :ok = Node.stop(node, :kill)
    Interposer.disarm(interposer)
    Task.shutdown(asked, :brutal_kill)
  end

  # From the one that ran before it, or when the answer was given, from the one that was promised.
  defp versions(recording, point) do
    if Enum.any?(recording.operations, &(&1.number != nil and &1.number >= point.at)),
      do: versions(recording.scenario),
      else: [recording.scenario.ends_on]
  end

  defp versions(scenario), do: Enum.uniq([scenario.from, scenario.to])

  defp after_restart(root, scenario, site, versions) do
    with_node(root, fn node ->
      case Verdict.of(node, site, versions) do
        [] -> Verdict.good_deployment(node, site, scenario)
        lost -> lost
      end
    end)
  end

  defp restarted(root, site, versions), do: with_node(root, &Verdict.of(&1, site, versions))

  defp with_node(root, env \\ [], fun) do
    case Site.bring_up(root, Scenario.env() ++ env) do
      {:ok, node} ->
        lost = fun.(node)
        :ok = Node.stop(node, :kill)
        lost

      {:error, output} ->
        ["it does not come back: " <> (output |> String.split("\n") |> Enum.take(8) |> Enum.join("\n"))]
    end
  end

  defp in_words(when?, lost), do: for(text <- lost, do: "#{when?}: #{text}")

  defp start!(site, scenario, base, root) do
    Site.copy!(base, root)
    interposer = Interposer.new(site.library, root)
    {:ok, node} = Node.start(root, env: Scenario.env(scenario.probation_ms) ++ Interposer.env(interposer))
    :ok = Verdict.await_idle(node)
    {node, interposer}
  end

  # The node may be gone before it answers.
  defp ask(node, scenario) do
    Task.async(fn ->
      try do
        Scenario.operate(scenario, node)
      catch
        kind, reason -> {:gone, kind, reason}
      end
    end)
  end

  defp await(condition, deadline \\ System.monotonic_time(:millisecond) + @timeout_ms) do
    cond do
      found = condition.() -> found
      System.monotonic_time(:millisecond) > deadline -> raise "nothing happened for #{@timeout_ms} ms"
      true -> receive(after: (5 -> await(condition, deadline)))
    end
  end

  defp stopped?(os_pid) do
    case File.read("/proc/#{os_pid}/stat") do
      {:ok, stat} -> stat |> String.split(") ") |> List.last() |> String.starts_with?("T")
      {:error, _gone} -> false
    end
  end

  @doc "The processes of Bloom in a node, by name. The release handler is none of them: without it the VM ends (P10)."
  @spec processes(Node.t()) :: %{String.t() => pid()}
  def processes(node) do
    children = Node.rpc(node, Supervisor, :which_children, [Bloom.Supervisor])
    driver = Node.rpc(node, Process, :whereis, [Bloom.Deployment.Driver])
    supervisor = Node.rpc(node, Process, :whereis, [Bloom.Supervisor])

    for {id, pid, _type, _modules} <- children, is_pid(pid), into: %{"driver" => driver, "supervisor" => supervisor} do
      {id |> inspect() |> String.replace_prefix("Bloom.", ""), pid}
    end
  end

  defp kill(node, process) do
    case Map.fetch!(processes(node), process) do
      nil -> :ok
      pid -> kill_and_wait(pid)
    end
  end

  defp kill_and_wait(pid) do
    ref = Process.monitor(pid)
    Process.exit(pid, :kill)
    receive(do: ({:DOWN, ^ref, :process, _pid, _reason} -> :ok))
  end

  @doc "The disk of a recording as it was before an operation."
  @spec disk_before(recording(), pos_integer()) :: Disk.t()
  def disk_before(recording, at) do
    recording.operations
    |> Enum.take_while(&(&1.number == nil or &1.number < at))
    |> Enum.reduce(Disk.new(recording.armed), &Disk.apply(&2, &1))
  end
end
