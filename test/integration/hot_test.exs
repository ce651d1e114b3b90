defmodule Bloom.Integration.HotTest do
  # Real releases, booted by their own launcher, under load, driven from this second node.
  use Bloom.Test.ReleaseCase

  # Keeps how deployments have ended, as it is told.
  @listener """
  parent = self()

  listen = fn listen, outcomes ->
    receive do
      {:bloom_event, [:bloom, :deployment, :stop], _measurements, %{outcome: outcome}} -> listen.(listen, [outcome | outcomes])
      {:tell, who} -> send(who, {:told, Enum.reverse(outcomes)}) && listen.(listen, outcomes)
    after
      600_000 -> :ok
    end
  end

  spawn(fn ->
    Process.register(self(), :listener)
    :ok = Bloom.Telemetry.subscribe()
    send(parent, :listening)
    listen.(listen, [])
  end)

  receive(do: (:listening -> :ok))
  """

  # Keeps what came of cancelling.
  @cancelling_handler """
  defmodule CancellingHandler do
    defdelegate which_releases(), to: :release_handler
    defdelegate check_install_release(vsn), to: :release_handler

    def install_release(~c"1.0.0"), do: :release_handler.install_release(~c"1.0.0")

    def install_release(vsn) do
      spawn(fn -> :persistent_term.put(__MODULE__, Bloom.cancel()) end)
      await_cancelled()
      :release_handler.install_release(vsn)
    end

    defp await_cancelled do
      if not Bloom.Deployment.Status.cancelled?(), do: receive(after: (1 -> await_cancelled()))
    end
  end
  """

  test "up, up, down, down and up again: no request fails, no state is lost, the VM stays", %{node: node} do
    for version <- ["1.1.0", "1.2.0"], do: assert(:ok = install(node, version))
    pid = Node.os_pid(node)

    {steps, load} =
      Load.during(node.http_port, fn ->
        for {step, version} <- [
              {&switch(&1, "1.1.0"), "1.1.0"},
              {&switch(&1, "1.2.0"), "1.2.0"},
              {&rollback/1, "1.1.0"},
              {&rollback/1, "1.0.0"},
              {&switch(&1, "1.1.0"), "1.1.0"}
            ] do
          {step.(node), version, Node.get(node, "/version"), running(node)}
        end
      end)

    for {result, version, served, listed} <- steps do
      assert {:ok, ^version, ^version} = {result, served, listed}
    end

    assert load.failures == []
    assert load.requests > 100
    assert Node.get(node, "/beds") == Integer.to_string(load.watered)
    assert Node.os_pid(node) == pid
  end

  test "protocols, configuration, children and dependencies follow", %{node: node} do
    seen = fn -> for path <- ~w(/describe /season /owner /seeds), do: Node.get(node, path) end
    children = fn -> node |> Node.rpc(Supervisor, :which_children, [Garden.Supervisor]) |> Enum.map(&elem(&1, 0)) end
    for version <- ["1.1.0", "1.2.0"], do: :ok = install(node, version)

    old = ["something green", "spring", "nobody", "radish"]
    assert seen.() == old
    assert Garden.Almanac in children.() and Garden.Weather not in children.()

    assert :ok = switch(node, "1.1.0")
    assert seen.() == ["a red rose", "summer", "nobody", "radish carrot"]
    assert Garden.Almanac in children.() and Garden.Weather in children.()
    assert Node.eval(node, "Agent.get(Garden.Weather, & &1)") == "mild"

    assert :ok = switch(node, "1.2.0")
    assert Garden.Almanac not in children.() and Garden.Weather in children.()
    refute Node.rpc(node, Process, :whereis, [Garden.Almanac])

    assert :ok = rollback(node)
    assert Garden.Almanac in children.()
    assert Node.eval(node, "is_pid(Process.whereis(Garden.Almanac))")

    assert :ok = rollback(node)
    assert seen.() == old
    assert Garden.Weather not in children.()
  end

  @tag garden: "1.1.0"
  test "an application that stays 0.1.0 changes hot, in both directions and after a restart", %{node: node, root: root} do
    assert :ok = install(node, "1.1.1")
    assert Node.get(node, "/seeds") == "radish carrot"
    assert :ok = switch(node, "1.1.1")
    assert Node.get(node, "/seeds") == "radish carrot leek"
    assert :ok = rollback(node)
    assert Node.get(node, "/seeds") == "radish carrot"
    assert :ok = switch(node, "1.1.1")

    :ok = Node.stop(node, :kill)
    node = start_again(root)
    assert Node.get(node, "/version") == "1.1.1"
    assert Node.get(node, "/seeds") == "radish carrot leek"
    assert :ok = rollback(node)
    assert Node.get(node, "/seeds") == "radish carrot"
  end

  test "an application that is new is started with its configuration, and stopped on the way back", %{node: node} do
    started = fn ->
      node |> Node.rpc(Application, :started_applications, []) |> Enum.any?(&(elem(&1, 0) == :garden_bees))
    end

    :ok = install(node, "1.5.0-bees")
    refute started.()

    assert :ok = switch(node, "1.5.0-bees")
    assert started.()
    assert Node.eval(node, "[{_, bees, _, _}] = Supervisor.which_children(GardenBees); Agent.get(bees, & &1)") == "bzz"

    assert :ok = rollback(node)
    refute started.()
    refute Node.rpc(node, :code, :is_loaded, [GardenBees])
    assert :ok = switch(node, "1.5.0-bees")
    assert started.()
  end

  test "Bloom replaces itself where it has an appup for it, and is taken back the same way", %{node: node, root: root} do
    :ok = install(node, "1.7.1-bloomappup")
    pid = Node.os_pid(node)
    Node.eval(node, @listener)
    hooks = for kind <- [:before, :after, :failure], do: {kind, [{Garden.Hooks, :write, [Path.join(root, "hooks")]}]}
    Node.rpc(node, Application, :put_env, [:bloom, :hooks, hooks])

    upgrade = fn -> {switch(node, "1.7.1-bloomappup"), await_idle(node), running(node)} end

    {steps, load} =
      Load.during(node.http_port, fn ->
        there = {upgrade.(), Node.eval(node, "Bloom.Deployment.Walk.changed()")}
        back = {rollback(node), await_idle(node), running(node)}

        Node.rpc(node, Application, :put_env, [:bloom, :health_checks, [never: {Process, :get, [:never, false]}]])
        {there, back, upgrade.()}
      end)

    assert {{{{:ok, :handed_over}, :ok, "1.7.1-bloomappup"}, true}, {{:ok, :handed_over}, :ok, "1.0.0"}, bad} = steps
    assert {{:ok, :handed_over}, :ok, "1.0.0"} = bad
    {:ok, [deployment | _]} = Node.rpc(node, Bloom.Metadata, :get_deployment_history, [])
    assert %{outcome: :taken_back, reason: reason} = deployment
    assert reason =~ "health check never failed"
    refute Node.rpc(node, :erlang, :function_exported, [Bloom.Deployment.Walk, :changed, 0])
    assert load.failures == []
    assert Node.get(node, "/beds") == Integer.to_string(load.watered)
    assert Node.os_pid(node) == pid

    # Cancelled while the release handler is at it.
    Node.eval(node, @cancelling_handler)
    Node.rpc(node, Application, :put_env, [:bloom, :release_handler, CancellingHandler])
    assert {{:ok, :handed_over}, :ok, "1.0.0"} = upgrade.()
    {:ok, [deployment | _]} = Node.rpc(node, Bloom.Metadata, :get_deployment_history, [])
    assert %{outcome: :cancelled, reason: "cancelled: release 1.7.1-bloomappup was taken back, 1.0.0 runs"} = deployment
    assert {:error, %{code: :settling}} = Node.rpc(node, :persistent_term, :get, [CancellingHandler])

    # Who subscribed is told on, by either Bloom.
    outcomes = [:committed, :committed, :taken_back, :cancelled]
    assert Enum.flat_map(outcomes, &[:handed_over, &1]) == told(node)

    assert File.read!(Path.join(root, "hooks")) == """
           before 1.7.1-bloomappup on 1.0.0
           after 1.7.1-bloomappup on 1.7.1-bloomappup
           before 1.0.0 on 1.7.1-bloomappup
           after 1.0.0 on 1.0.0
           before 1.7.1-bloomappup on 1.0.0
           failure 1.7.1-bloomappup on 1.0.0
           before 1.7.1-bloomappup on 1.0.0
           failure 1.7.1-bloomappup on 1.0.0
           """
  end

  defp told(node) do
    Node.eval(node, "send(:listener, {:tell, self()}) && receive(do: ({:told, outcomes} -> outcomes))")
  end
end
