defmodule Bloom.Integration.ProbationTest do
  # Between a switch and its commit: whatever happens, the node is the old release or the new one, and says why.
  use Bloom.Test.ReleaseCase

  @moduletag env: [{"GARDEN_PROBATION_MS", "60000"}]

  setup %{node: node} do
    assert :ok = install(node, "1.1.0")
    :ok
  end

  defp boots(root), do: root |> Path.join("releases/start_erl.data") |> File.read!() |> String.split() |> List.last()

  defp statuses(node) do
    for release <- Node.rpc(node, Bloom.ReleaseManager, :list_releases, []),
        into: %{},
        do: {release.version, release.status}
  end

  defp last_deployment(node) do
    {:ok, [deployment | _]} = Node.rpc(node, Bloom.Metadata, :get_deployment_history, [])
    deployment
  end

  test "a switch answers when the first checks have passed, and the old release stays permanent", %{
    node: node,
    root: root
  } do
    # Somebody in old code, who is waited for.
    Elixir.Node.spawn(node.node, Garden.Beds, :stroll, [])
    assert :ok = switch(node, "1.1.0", [])
    assert %{stage: :probation, version: "1.1.0", probation_left_ms: left} = Node.rpc(node, Bloom, :status, [])
    assert left in 1..60_000
    assert Node.get(node, "/version") == "1.1.0"
    assert statuses(node) == %{"1.1.0" => :current, "1.0.0" => :permanent}
    assert boots(root) == "1.0.0"

    assert {:error, message} = Node.rpc(node, Bloom.ReleaseManager, :install_release, ["1.2.0"])
    assert message =~ ~r/^switch of release 1\.1\.0 is in progress \(probation, \d+ s left\)/
  end

  @tag env: [{"GARDEN_PROBATION_MS", "200"}]
  test "when the probation has ended well, the release is committed", %{node: node, root: root} do
    assert :ok = switch(node, "1.1.0", [])
    :ok = await_idle(node)
    assert statuses(node) == %{"1.1.0" => :permanent, "1.0.0" => :old}
    assert boots(root) == "1.1.0"
    assert %{outcome: :committed, operation: :switch, mode: :hot, from_version: "1.0.0"} = last_deployment(node)
    assert {:ok, "1.0.0"} = Node.rpc(node, Bloom.Metadata, :get_rollback_target, [])
  end

  test "kill -9 during probation comes back on the old release", %{node: node, root: root} do
    :ok = switch(node, "1.1.0", [])
    :ok = Node.stop(node, :kill)
    node = start_again(root, env: [{"GARDEN_PROBATION_MS", "200"}])

    assert Node.get(node, "/version") == "1.0.0"
    assert statuses(node) == %{"1.1.0" => :unpacked, "1.0.0" => :permanent}
    assert %{outcome: :taken_back, reason: reason} = last_deployment(node)
    assert reason =~ "switch of release 1.1.0 was interrupted in step probation"
    assert Node.rpc(node, Bloom, :status, []) == :idle
    assert :ok = switch(node, "1.1.0")
    assert boots(root) == "1.1.0"
  end

  test "a restart inside the VM during probation boots the old release with its own configuration", %{node: node} do
    :ok = switch(node, "1.1.0", [])
    :ok = Node.restart_inside(node)
    assert Node.get(node, "/version") == "1.0.0"
    assert Node.get(node, "/season") == "spring"
    # Where the configuration was taken from, whatever is in it.
    assert Node.eval(node, "inspect(Application.get_env(:elixir, :config_provider_init))") =~
             "/releases/1.0.0/runtime.exs"

    assert Node.rpc(node, System, :get_env, ["RELEASE_SYS_CONFIG"]) =~ "/releases/1.0.0/"
  end

  test "a rollback during probation takes the switch back, under load", %{node: node, root: root} do
    {:ok, load} =
      Load.during(node.http_port, fn ->
        :ok = switch(node, "1.1.0", [])
        assert :ok = rollback(node)
        assert Node.get(node, "/version") == "1.0.0"
        :ok
      end)

    assert load.failures == []
    assert Node.get(node, "/beds") == Integer.to_string(load.watered)
    assert statuses(node)["1.0.0"] == :permanent
    assert boots(root) == "1.0.0"
    assert %{outcome: :cancelled, version: "1.1.0"} = last_deployment(node)
    assert Node.rpc(node, Bloom, :status, []) == :idle
  end

  test "a health check that fails later takes the release back by itself", %{node: node} do
    Node.rpc(node, Application, :put_env, [:bloom, :health_check_interval_ms, 50])
    :ok = switch(node, "1.1.0", [])
    Node.eval(node, "Bloom.HealthChecker.register_check(:late, {Process, :get, [:not_there, false]})")
    :ok = await_idle(node)
    assert Node.get(node, "/version") == "1.0.0"
    assert %{outcome: :taken_back, reason: reason} = last_deployment(node)
    assert reason =~ "health check late failed"
  end

  test "a process that is busy on the way back is waited for", %{node: node} do
    # Looked at before the probation begins to wait.
    Node.rpc(node, Application, :put_env, [:bloom, :health_check_interval_ms, 1_000])
    :ok = switch(node, "1.1.0", [])
    Node.rpc(node, Application, :put_env, [:bloom, :busy_timeout_ms, 50])

    Node.eval(node, """
    caller = self()
    spawn(fn -> :sys.replace_state(Garden.Beds, fn state -> send(caller, :busy); receive(do: (:go_on -> state)) end, :infinity) end)
    receive(do: (:busy -> :ok))
    """)

    Node.eval(node, "Bloom.HealthChecker.register_check(:late, {Process, :get, [:not_there, false]})")
    assert :ok = await_log(node, "on the way back")
    Node.eval(node, "send(Garden.Beds, :go_on)")
    :ok = await_idle(node)
    assert Node.get(node, "/version") == "1.0.0"
    assert %{outcome: :taken_back} = last_deployment(node)
  end

  # Nothing more is logged of a deployment that has ended.
  defp await_log(node, text) do
    idle = Node.rpc(node, Bloom, :status, []) == :idle

    cond do
      Node.log(node) =~ text -> :ok
      idle -> last_deployment(node)
      true -> receive(after: (20 -> await_log(node, text)))
    end
  end

  test "errors under load take the release back by themselves", %{node: node} do
    :ok = install(node, "1.3.0-noisy")

    {:ok, load} =
      Load.during(node.http_port, fn ->
        :ok = switch(node, "1.3.0-noisy", [])
        await_idle(node)
      end)

    assert load.failures == []
    assert Node.get(node, "/version") == "1.0.0"
    assert Node.get(node, "/beds") == Integer.to_string(load.watered)
    assert %{outcome: :taken_back, reason: reason} = last_deployment(node)
    assert reason =~ ~r/was taken back, 1\.0\.0 runs: \d+ errors in the \d+ s since the switch, limit 10 a minute/
  end

  # While it waits for a health check, it does not look what else there is.
  @cancelled_and_killed """
  caller = self()
  check = fn -> send(caller, :checking) && receive(do: (:never -> :ok)) end
  :ok = Bloom.HealthChecker.register_check(:hangs, check)
  receive(do: (:checking -> :ok))
  spawn(fn -> send(caller, {:cancel, Bloom.cancel()}) end)
  await = fn await -> if not Bloom.Deployment.Status.cancelled?(), do: receive(after: (1 -> await.(await))) end
  await.(await)
  Process.exit(Process.whereis(Bloom.Deployment.Driver), :kill)
  :ok = Bloom.HealthChecker.unregister_check(:hangs)
  receive(do: ({:cancel, answer} -> answer))
  """

  test "the process that walks is killed: another one takes the release back", %{node: node} do
    watered = for _ <- 1..3, do: Node.get(node, "/water?bed=north")
    :ok = switch(node, "1.1.0", [])
    Node.eval(node, "Process.exit(Process.whereis(Bloom.Deployment.Driver), :kill)")
    :ok = await_idle(node)
    assert Node.get(node, "/version") == "1.0.0"
    assert Node.get(node, "/season") == "spring"
    assert Node.get(node, "/beds") == List.last(watered)
    assert %{outcome: :taken_back} = last_deployment(node)

    # Cancelled, and killed before it could hear of it.
    Node.rpc(node, Application, :put_env, [:bloom, :health_check_interval_ms, 50])
    assert :ok = switch(node, "1.1.0", [])
    assert :ok = Node.eval(node, @cancelled_and_killed)
    assert Node.get(node, "/version") == "1.0.0"
    assert %{outcome: :cancelled} = last_deployment(node)
    assert :ok = switch(node, "1.1.0", [])
  end

  @tag env: [{"GARDEN_PROBATION_MS", "1"}]
  test "a rollback asked for while the release is being committed waits for that", %{node: node} do
    for _round <- 1..5 do
      assert :ok = switch(node, "1.1.0", [])
      assert :ok = rollback(node)
      assert running(node) == "1.0.0"
    end
  end

  @tag env: [{"GARDEN_PROBATION_MS", "3000"}]
  test "Bloom's own processes are killed: the probation goes on to its commit", %{node: node} do
    :ok = switch(node, "1.1.0", [])

    Node.eval(node, """
    for {_id, pid, _type, _modules} <- Supervisor.which_children(Bloom.Supervisor) do
      ref = Process.monitor(pid)
      Process.exit(pid, :kill)
      receive(do: ({:DOWN, ^ref, _, _, _} -> :ok))
    end
    """)

    :ok = await_idle(node)
    assert running(node) == "1.1.0"
    assert %{outcome: :committed} = last_deployment(node)
  end
end
