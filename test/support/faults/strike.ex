defmodule Bloom.Test.Faults.Strike do
  @moduledoc "Does the fault of a point to a node, and has what comes of it judged. See `Bloom.Test.Faults.Point`."

  alias Bloom.Test.Faults.{Disk, Interposer, Life, Log, Point, Recording, Scenario, Site, SmallDisk, Verdict}
  alias Bloom.Test.Node

  # How long a release on trial that is stopped has before the boot guard's watchdog kills it.
  @trial_ms 10_000

  @enospc 28
  # How many operations further on a process is looked for that is not there.
  @stride 8

  @doc "Every reason why the point is lost, or none. `root` is where the node may lie."
  @spec run(Point.fault(), pos_integer(), Recording.t(), Site.t(), Path.t()) :: [String.t()] | :missed
  def run({:power, model}, at, recording, site, root) do
    recording |> Recording.disk_before(at) |> Disk.image(model) |> Disk.write!(recording.armed, root)

    case Life.start(root, Scenario.env(recording.scenario, root)) do
      {:ok, node} ->
        lost = promised(node, recording, at) ++ whole(node, recording, site, Recording.versions(recording, at))
        ending(node, lost, Recording.trials(recording, at))

      {:error, text} ->
        [text]
    end
  end

  def run(:kill, at, recording, site, root) do
    {node, interposer, asked} = begin(recording, site, root, {:kill, at})
    struck? = await_strike(node, asked, interposer, at)
    Task.shutdown(asked, :brutal_kill)
    # The count differs a little from run to run; where the operation ends before, the fault comes after its end.
    if not struck?, do: :ok = Node.kill(node)
    ending(node, whole(node, recording, site, versions(recording)))
  end

  def run(:stop, at, recording, site, root) do
    {node, interposer} = Life.start!(site, recording.scenario, recording.base, root, {:stop, at})
    Node.rpc(node, Application, :put_env, [:bloom, :trial_timeout_ms, @trial_ms])
    asked = Life.begin(node, recording.scenario, interposer, {:stop, at})

    if await_strike(node, asked, interposer, at) do
      Life.await(fn -> Life.stopped?(node) end)
      starts = Node.starts(node)
      trial? = File.exists?(Path.join(root, "releases/.bloom-trial.booted"))
      :ok = if trial?, do: Node.await_start(node, starts + 1), else: Node.kill(node)
    else
      # The next start would come to the place that this life did not reach, and nobody would be there to kill it.
      Interposer.disarm(interposer)
      :ok = Node.kill(node)
    end

    Task.shutdown(asked, :brutal_kill)
    ending(node, whole(node, recording, site, versions(recording)))
  end

  def run(:full_boot, at, recording, site, root) do
    {node, interposer, asked} = begin(recording, site, root, {:kill_full, at})
    struck? = await_strike(node, asked, interposer, at)
    Task.shutdown(asked, :brutal_kill)
    if not struck?, do: :ok = Node.kill(node)
    lost = full_for_a_while(node, recording, site, fn -> Interposer.disarm(interposer) end)
    node |> ending(lost) |> unless_missed(interposer)
  end

  def run(:full, at, recording, site, root) do
    {node, interposer, asked} = begin(recording, site, root, {:full, at})
    await_answer(asked, node)
    lost = full_for_a_while(node, recording, site, fn -> Interposer.disarm(interposer) end)
    node |> ending(lost ++ after_a_kill(node, site)) |> unless_missed(interposer)
  end

  def run(:small_disk, kib, recording, site, root) do
    SmallDisk.mount!(recording.base, root)
    if Scenario.database?(recording.scenario), do: Site.make_database!(root, recording.base)
    {:ok, node} = Life.start(root, Scenario.env(recording.scenario, root, recording.scenario.probation_ms))
    SmallDisk.fill!(root, kib)
    node |> Life.ask(recording.scenario) |> await_answer(node)
    lost = full_for_a_while(node, recording, site, fn -> SmallDisk.free!(root) end)
    lost = ending(node, lost ++ after_a_kill(node, site))
    SmallDisk.unmount!(root)
    lost
  end

  def run({:exit, process}, at, recording, site, root) do
    {node, interposer, asked} = begin(recording, site, root, {:pause, at})

    case kill_while_it_waits(node, asked, interposer, process) do
      {:killed, starts} ->
        Interposer.disarm(interposer)
        # Without it the application ends, and with that the node.
        if process == "supervisor", do: :ok = Node.await_start(node, starts + 1)
        await_answer(asked, node)

        lost = whole(node, recording, site, versions(recording))
        ending(node, lost ++ restarted(process, recording.scenario, node) ++ after_a_kill(node, site))

      :missed ->
        ending(node, [])
        :missed
    end
  end

  # Where there is no such process yet, or just now, at a later operation.
  defp kill_while_it_waits(node, asked, interposer, process) do
    Life.await(fn -> Interposer.paused?(interposer) or Life.over?(node, asked) end)
    starts = Node.starts(node)

    cond do
      Life.kill(node, process) == :ok ->
        {:killed, starts}

      Interposer.paused?(interposer) ->
        Interposer.release(interposer)
        Interposer.arm(interposer, {:pause, Interposer.count(interposer) + @stride})
        kill_while_it_waits(node, asked, interposer, process)

      true ->
        :missed
    end
  end

  # Nothing had needed space any more.
  defp unless_missed([], interposer) do
    if Enum.any?(Log.read(interposer.log, interposer.root), &(&1.errno == @enospc)), do: [], else: :missed
  end

  defp unless_missed(lost, _interposer), do: lost

  # A node that was started again by the harness would hide that it does not settle by itself.
  defp restarted(process, scenario, node) do
    if process == "supervisor" or Scenario.restarts?(scenario) or Node.starts(node) == 1,
      do: [],
      else: ["the node has ended"]
  end

  defp begin(recording, site, root, strike) do
    {node, interposer} = Life.start!(site, recording.scenario, recording.base, root, strike)
    {node, interposer, Life.begin(node, recording.scenario, interposer, strike)}
  end

  defp await_strike(node, asked, interposer, at) do
    Life.await(fn -> Interposer.count(interposer) >= at or Life.over?(node, asked) end)
    Interposer.count(interposer) >= at
  end

  # The VM that answers that it restarts is not the one to be looked at.
  defp await_answer(asked, node) do
    if Life.answer(asked) == {:ok, :restarting}, do: :ok = Node.await_start(node, 2), else: :ok
  end

  defp full_for_a_while(node, recording, site, free) do
    idle = Verdict.await_idle(node)
    serving = if idle == :ok, do: Verdict.serving(node, site, Scenario.on_full_disk(recording.scenario)), else: []
    free.()

    if(idle == :ok, do: [], else: ["on a full disk it is not idle: #{inspect(idle)}"]) ++
      for(text <- serving, do: "on a full disk: #{text}") ++
      Verdict.good_deployment(node, site, recording.scenario)
  end

  defp whole(node, recording, site, versions) do
    case Verdict.of(node, site, versions) do
      [] -> Verdict.good_deployment(node, site, recording.scenario)
      lost -> lost
    end
  end

  defp after_a_kill(node, site) do
    case Node.kill(node) do
      :ok -> for text <- Verdict.of(node, site, Map.keys(site.archives)), do: "after the next start: #{text}"
      :error -> ["it does not come back after the next start: " <> Node.log(node)]
    end
  end

  # What was answered is there, also of what does not run.
  defp promised(node, recording, at) do
    there = Verdict.registered(node)

    if not Recording.after_all?(recording, at) or there == recording.registered,
      do: [],
      else: ["#{inspect(there)} are registered, not #{inspect(recording.registered)}"]
  end

  defp versions(%Recording{scenario: scenario}), do: Enum.uniq([scenario.from, scenario.to])

  # A release on trial has one boot, whatever ends it.
  defp ending(node, lost, trials_before \\ 0) do
    trials = trials_before + Verdict.trials(node)
    Life.stop(node)
    if trials > 1, do: lost ++ ["a trial was booted #{trials} times"], else: lost
  end
end
