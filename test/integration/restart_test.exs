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
  test "where nothing starts the node again, a restart is refused in words", %{node: node} do
    :ok = install(node, "1.1.0")
    assert {:error, message} = switch(node, "1.1.0", mode: :restart)
    assert message =~ "nothing is known that starts the node again when it ends"
    assert message =~ "restarted_by"
    assert Node.get(node, "/version") == "1.0.0"
  end
end
