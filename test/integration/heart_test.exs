defmodule Bloom.Integration.HeartTest do
  # heart starts the node again with the environment of the VM that ended, and so with the release it was started as.
  use ExUnit.Case

  import Bloom.Test.ReleaseCase

  alias Bloom.Test.{Garden, Heart, Node}

  @moduletag :integration
  @moduletag timeout: 180_000
  @moduletag probation_ms: 300

  setup context, do: %{node: start(context)}

  # Not as other releases are started: what is run of them first would be started again by heart, too.
  defp start(context) do
    # By which what runs there is found.
    root = Path.join(real(System.tmp_dir!()), "bloom-heart-#{System.pid()}-#{System.unique_integer([:positive])}")

    on_exit(fn ->
      Heart.stop(root)
      File.rm_rf!(root)
    end)

    Node.deploy(Garden.archive("1.0.0"), root)
    probation = {"GARDEN_PROBATION_MS", Integer.to_string(context.probation_ms)}
    {:ok, node} = Node.start(root, env: [probation | Heart.env(root, Map.get(context, :heart, "start"))])
    node
  end

  defp last_deployment(node) do
    {:ok, [deployment | _]} = Node.rpc(node, Bloom.Metadata, :get_deployment_history, [])
    deployment
  end

  test "starts what is permanent, by whatever way it became that", %{node: node} do
    :ok = install(node, "1.1.0")
    assert :ok = switch(node, "1.1.0")
    Heart.restarted(node, fn -> Heart.kill(node) end)
    assert Node.get(node, "/version") == "1.1.0"

    assert {:ok, :restarting} =
             Heart.restarted(node, fn -> Node.rpc(node, Bloom.ReleaseManager, :rollback_release, [[mode: :restart]]) end)

    :ok = await_idle(node)
    assert Node.get(node, "/version") == "1.0.0"
    assert %{outcome: :committed, mode: :restart} = last_deployment(node)
    Heart.restarted(node, fn -> Heart.kill(node) end)
    assert Node.get(node, "/version") == "1.0.0"
  end

  test "starts the old release when a trial does not come up", %{node: node} do
    :ok = install(node, "1.6.0-trialfails")
    assert {:ok, :restarting} = Heart.restarted(node, fn -> switch(node, "1.6.0-trialfails") end)
    assert Node.get(node, "/version") == "1.0.0"
    :ok = await_idle(node)
    assert %{outcome: :taken_back, reason: reason} = last_deployment(node)
    assert reason =~ "did not come up on its trial"
  end

  @tag heart: "daemon"
  test "starts the old release when a trial hangs, as a daemon too", %{node: node} do
    :ok = install(node, "1.6.0-trialhangs")
    Node.rpc(node, Application, :put_env, [:bloom, :trial_timeout_ms, 5000])
    assert {:ok, :restarting} = Heart.restarted(node, fn -> switch(node, "1.6.0-trialhangs") end)
    assert Node.get(node, "/version") == "1.0.0"
    :ok = await_idle(node)
    assert %{outcome: :taken_back, reason: reason} = last_deployment(node)
    assert reason =~ "did not come up on its trial"
  end

  # Two at once, as heart takes its time.
  @tag probation_ms: 120_000
  test "kills a node that hangs during probation, and starts the old release", %{node: deaf} = context do
    stopped = start(context)

    for node <- [deaf, stopped] do
      :ok = install(node, "1.1.0")
      assert :ok = switch(node, "1.1.0", [])
      assert Node.get(node, "/version") == "1.1.0"
    end

    Heart.restarted(deaf, fn ->
      Heart.restarted(stopped, fn ->
        Node.rpc(deaf, :sys, :suspend, [Bloom.Deployment])
        :ok = Heart.freeze(stopped)
      end)
    end)

    for node <- [deaf, stopped] do
      assert Node.log(node) =~ "heart-beat time-out"
      assert Node.get(node, "/version") == "1.0.0"
      :ok = await_idle(node)
      assert %{outcome: :taken_back} = last_deployment(node)
    end
  end
end
