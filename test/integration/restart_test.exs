defmodule Bloom.Integration.RestartTest do
  # Switches by a restart of the VM: a trial boot, once, with the old release permanent until the commit.
  use Bloom.Test.ReleaseCase

  @moduletag restart: true
  @moduletag env: [{"GARDEN_PROBATION_MS", "300"}, {"GARDEN_RESTARTED_BY", "the test"}]

  defp boots(root), do: root |> Path.join("releases/start_erl.data") |> File.read!() |> String.split() |> List.last()

  defp last_deployment(node) do
    {:ok, [deployment | _]} = Node.rpc(node, Bloom.Metadata, :get_deployment_history, [])
    deployment
  end

  test "a release is booted on trial, watched and committed; and so is the way back", %{node: node, root: root} do
    :ok = install(node, "1.1.0")
    assert {:ok, :restarting} = switch(node, "1.1.0", mode: :restart)
    assert :ok = Node.await_start(node, 2)
    :ok = await_idle(node)
    assert Node.get(node, "/version") == "1.1.0"
    assert running(node) == "1.1.0"
    assert boots(root) == "1.1.0"
    assert %{outcome: :committed, mode: :restart, from_version: "1.0.0"} = last_deployment(node)

    assert :ok = Node.kill(node)
    assert Node.get(node, "/version") == "1.1.0"

    assert {:ok, :restarting} = Node.rpc(node, Bloom.ReleaseManager, :rollback_release, [[mode: :restart]])
    assert :ok = Node.await_start(node, 4)
    :ok = await_idle(node)
    assert Node.get(node, "/version") == "1.0.0"
    assert boots(root) == "1.0.0"
    refute Enum.any?(File.ls!(Path.join(root, "releases")), &String.starts_with?(&1, ".bloom"))
  end

  @tag env: [{"GARDEN_PROBATION_MS", "60000"}, {"GARDEN_RESTARTED_BY", "the test"}]
  test "kill -9 during the probation of a trial comes back on the old release", %{node: node, root: root} do
    :ok = install(node, "1.1.0")
    {:ok, :restarting} = switch(node, "1.1.0", mode: :restart)
    :ok = Node.await_start(node, 2)
    assert Node.get(node, "/version") == "1.1.0"
    assert boots(root) == "1.0.0"
    # Judged beside what the VM before it was like.
    assert %{taken_at: _before, seconds: _some} = baseline = last_deployment(node).facts.baseline
    assert judged(node).baseline == baseline

    assert :ok = Node.kill(node)
    assert Node.get(node, "/version") == "1.0.0"
    :ok = await_idle(node)
    assert %{outcome: :taken_back, mode: :restart} = last_deployment(node)

    assert {:error, message} = switch(node, "1.1.0", mode: :restart)
    assert message =~ "release 1.1.0 did not pass its trial"
    assert message =~ "force: true"
    assert {:ok, :restarting} = switch(node, "1.1.0", mode: :restart, force: true)
    assert :ok = Node.await_start(node, 4)
    assert Node.get(node, "/version") == "1.1.0"
  end

  @tag env: [{"GARDEN_PROBATION_MS", "60000"}, {"GARDEN_RESTARTED_BY", "the test"}]
  test "a trial that is cancelled comes back on the old release, and may be tried again", %{node: node} do
    :ok = install(node, "1.1.0")
    {:ok, :restarting} = switch(node, "1.1.0", mode: :restart)
    :ok = Node.await_start(node, 2)
    :ok = await_probation(node)

    # The node ends before it could answer.
    Node.eval(node, "spawn(&Bloom.cancel/0)")
    assert :ok = Node.await_start(node, 3)
    :ok = await_idle(node)
    assert Node.get(node, "/version") == "1.0.0"
    assert %{outcome: :cancelled, mode: :restart, reason: reason} = last_deployment(node)
    assert reason == "cancelled: release 1.1.0 was taken back, 1.0.0 runs"
    assert {:ok, :restarting} = switch(node, "1.1.0", mode: :restart)
  end

  defp await_probation(node) do
    case Node.rpc(node, Bloom, :status, []) do
      %{stage: :probation} -> :ok
      _earlier -> receive(after: (20 -> await_probation(node)))
    end
  end

  defp judged(node) do
    Node.rpc(node, Bloom.SafetyMonitor, :last_judgement, []) || receive(after: (20 -> judged(node)))
  end

  # What is found out by a plan alone, and what a restart makes of it.
  defp there(node, version, reasons) do
    :ok = install(node, version)
    {:ok, plan} = Node.rpc(node, Bloom, :plan, [version])
    assert plan.decision == :restart
    for reason <- reasons, do: assert(reason in Enum.map(plan.reasons, &{&1.code, &1.application}))

    assert {:ok, :restarting} = switch(node, version)
    assert :ok = Node.await_start(node, 2)
    :ok = await_idle(node)
    assert %{outcome: :committed, mode: :restart} = last_deployment(node)
    assert Node.get(node, "/version") == version
  end

  defp and_back(node) do
    assert {:ok, :restarting} = Node.rpc(node, Bloom.ReleaseManager, :rollback_release, [[mode: :restart]])
    assert :ok = Node.await_start(node, 3)
    :ok = await_idle(node)
    assert Node.get(node, "/version") == "1.0.0"
    assert running(node) == "1.0.0"
  end

  # What the operating system says that the VM runs and has loaded, and what Elixir says that it is.
  defp emulator(node), do: File.read_link!("/proc/#{Node.os_pid(node)}/exe")
  defp elixir(node), do: Node.eval(node, "{Path.basename(:code.lib_dir(:elixir)), System.version()}")

  defp libraries(node) do
    maps = File.read!("/proc/#{Node.os_pid(node)}/maps")
    ~r{/\S+/lib/bloom-\S+/priv/native/.+} |> Regex.scan(maps) |> List.flatten() |> Enum.uniq()
  end

  test "another Erlang runtime and another Elixir go in and back by a restart", %{node: node, root: root} do
    before = {emulator(node), elixir(node)}
    there(node, "1.6.0-runtimes", [{"erts_changed", nil}, {"core_application", "elixir"}])
    assert emulator(node) == Path.join(real(root), "erts-99.0/bin/beam.smp")
    assert File.read!(Path.join(root, "releases/start_erl.data")) =~ ~r/\A99.0 1.6.0-runtimes\s*\z/
    assert {"elixir-99.0.0+d." <> _digest, "99.0.0"} = elixir(node)
    and_back(node)
    assert {emulator(node), elixir(node)} == before
  end

  test "another native library goes in and back by a restart", %{node: node} do
    [old] = libraries(node)
    there(node, "1.6.0-nif", [{"bloom_changed", "bloom"}])
    [new] = libraries(node)
    assert new != old
    assert File.read!(new) == File.read!(old) <> "\n"
    and_back(node)
    assert libraries(node) == [old]
  end

  test "another Bloom goes in and back by a restart", %{node: node} do
    there(node, "1.7.0-bloom", [{"bloom_changed", "bloom"}])
    assert Node.eval(node, "Bloom.Deployment.changed() and Bloom.Metadata.changed()")
    and_back(node)
    refute Node.eval(node, "function_exported?(Bloom.Deployment, :changed, 0)")
  end

  test "a release that does not come up on its trial is followed by the old one", %{node: node} do
    :ok = install(node, "1.6.0-trialfails")
    {:ok, :restarting} = switch(node, "1.6.0-trialfails")
    assert :ok = Node.await_start(node, 3)
    assert Node.get(node, "/version") == "1.0.0"
    :ok = await_idle(node)
    assert %{outcome: :taken_back, reason: reason} = last_deployment(node)
    assert reason =~ "release 1.6.0-trialfails did not come up on its trial"
  end

  test "a release that hangs while it comes up on its trial is killed and followed by the old one", %{node: node} do
    :ok = install(node, "1.6.0-trialhangs")
    Node.rpc(node, Application, :put_env, [:bloom, :trial_timeout_ms, 3000])
    {:ok, :restarting} = switch(node, "1.6.0-trialhangs")
    assert :ok = Node.await_start(node, 3)
    assert Node.log(node) =~ "[ended with status 137]"
    assert Node.get(node, "/version") == "1.0.0"
    :ok = await_idle(node)
    assert %{outcome: :taken_back, reason: reason} = last_deployment(node)
    assert reason =~ "release 1.6.0-trialhangs did not come up on its trial"
  end

  test "a node that hangs in its shutdown ends all the same", %{node: node} do
    Node.eval(node, """
    defmodule Stubborn do
      use GenServer
      def start_link(_), do: GenServer.start_link(__MODULE__, [])
      def init(_), do: {:ok, Process.flag(:trap_exit, true)}
      def terminate(_, _), do: receive(do: (:never -> :ok))
    end

    child = %{id: Stubborn, start: {Stubborn, :start_link, [[]]}, shutdown: :infinity}
    {:ok, _pid} = Supervisor.start_child(Garden.Supervisor, child)
    """)

    Node.rpc(node, Application, :put_env, [:bloom, :restart_stop_timeout_ms, 1000])
    {:ok, restarter} = Node.rpc(node, Bloom.Restarter, :detect, [])
    :ok = Node.rpc(node, Bloom.Restarter, :restart, [%{restarter | status: 3}])
    assert :ok = Node.await_start(node, 2)
    assert Node.log(node) =~ "[ended with status 3]"
  end

  # It is configured without restarted_by, too: what started its trial ends it.
  test "a trial that is unhealthy restarts into the old release", %{node: node} do
    :ok = install(node, "1.3.0-unhealthy")
    {:ok, :restarting} = switch(node, "1.3.0-unhealthy", mode: :restart)
    assert :ok = Node.await_start(node, 3)
    assert Node.get(node, "/version") == "1.0.0"
    :ok = await_idle(node)
    assert %{outcome: :taken_back, reason: reason} = last_deployment(node)
    assert reason =~ "drought"
  end

  @tag env: [{"GARDEN_PROBATION_MS", "300"}]
  test "a restart that nothing would follow, or that is not wanted, is refused before anything is done",
       %{node: node, root: root} do
    hooks = Path.join(root, "hooks")
    Node.rpc(node, Application, :put_env, [:bloom, :hooks, [before: [{Garden.Hooks, :write, [hooks]}]]])
    for version <- ["1.1.0", "1.6.0-nif"], do: :ok = install(node, version)
    assert {:error, message} = switch(node, "1.1.0", mode: :restart)
    assert message =~ "nothing is known that starts the node again when it ends"
    assert message =~ "restarted_by"
    assert [%{step: :plan, result: {:error, _why}}] = last_deployment(node).steps

    assert {:error, message} = switch(node, "1.6.0-nif", mode: :hot)
    assert message =~ "release 1.6.0-nif needs a restart of the VM"
    assert message =~ "switch without mode: :hot"
    assert %{mode: nil, plan: %{decision: :restart}, steps: [%{step: :plan}]} = last_deployment(node)
    refute File.exists?(hooks)
    assert Node.get(node, "/version") == "1.0.0"
  end
end
