defmodule Bloom.Integration.CLITest do
  # The bin/bloom that the build step puts into a release, against the node of that release.
  use ExUnit.Case, async: false

  import Bloom.Test.CommandLine

  alias Bloom.Test.{Garden, Node}

  @moduletag :integration
  @moduletag timeout: 180_000

  @probation_ms 300

  setup_all do
    root = Path.join(System.tmp_dir!(), "bloom-cli-#{System.pid()}-#{System.unique_integer([:positive])}")
    on_exit(fn -> File.rm_rf!(root) end)
    archives = Garden.archives(["1.0.0", "1.1.0", "1.3.0-unhealthy", "1.6.0-nif"])
    Node.deploy(archives["1.0.0"], root)
    env = [{"GARDEN_PROBATION_MS", "#{@probation_ms}"}, {"GARDEN_RESTARTED_BY", "this test"}]
    {:ok, node} = Node.start(root, env: env, restart: true)
    on_exit(fn -> Node.await_down(node) end)
    %{node: node, archives: archives}
  end

  # Each test finds the node with 1.0.0 alone, whatever became of the one before it.
  setup %{node: node} do
    Node.rpc(node, Bloom.Deployment, :await_end, [])
    {:ok, %{version: running}} = Node.rpc(node, Bloom.ReleaseManager, :current_release, [])
    if running != "1.0.0", do: :ok = Node.rpc(node, Bloom.ReleaseManager, :switch_release, ["1.0.0", [wait: :commit]])

    for %{version: version} <- Node.rpc(node, Bloom.ReleaseManager, :list_releases, []), version != "1.0.0" do
      :ok = Node.rpc(node, Bloom.ReleaseManager, :remove_release, [version])
    end

    :ok
  end

  defp run!(node, arguments) do
    {0, output} = run(node, arguments)
    output
  end

  # Where it has to be seen from here.
  defp probation(node, ms) do
    set = &Node.rpc(node, Application, :put_env, [:bloom, :probation_ms, &1])
    set.(ms)
    on_exit(fn -> set.(@probation_ms) end)
  end

  test "it asks, and says how that ended", %{node: node} do
    assert {0, "Usage: bin/bloom COMMAND" <> _rest} = run(node, ["--help"])
    assert {2, "bloom: there is no command deplyo: did you mean deploy?\n"} = run(node, ["deplyo"])

    assert run!(node, ["status"]) =~ "garden 1.0.0 (permanent) runs on #{node.node}\nnothing is in progress\n"
    assert run!(node, ["status", "--json"]) =~ ~s("release":{"name":"garden","status":"permanent","version":"1.0.0"})
    assert run!(node, ["releases"]) == "1.0.0  permanent: boots next\n"
    assert run!(node, ["health-check"]) =~ ~r/^ok    garden$/m
    assert run!(node, ["follow"]) == "no deployment is in progress\n"
    assert {1, "cancel: no deployment is in progress\n" <> _rest} = run(node, ["cancel"])
    assert {1, "remove: " <> _reason} = run(node, ["remove", "1.0.0"])
    assert {1, "plan: Release not found" <> _rest} = run(node, ["plan", "1.1.0"])
    assert run!(node, ["verify-audit"]) =~ ~r/^the audit log is whole: \d+ rows/
  end

  test "a node that is not there, or has another cookie, ends with 3", %{node: node} do
    silent = %{node | node: :"silent-#{System.pid()}@127.0.0.1"}
    assert {3, "status: node silent-" <> _rest} = run(silent, ["status"])
    assert {3, ~s({"command":"status") <> _rest} = run(node, ["status", "--json"], [{"RELEASE_COOKIE", "another"}])
  end

  test "an archive from elsewhere is deployed while the node runs, and rolled back", %{node: node, archives: archives} do
    pid = Node.os_pid(node)
    probation(node, 3_000)
    output = run!(node, ["deploy", "1.1.0", "--archive", archives["1.1.0"]])
    assert output =~ ~r/copying the archive to .*garden-1.1.0.tar.gz\n/
    assert output =~ "\n1.1.0 is installed\n"
    assert output =~ ~r/^switch 1.1.0: on probation, \d s left$/m
    assert output =~ ~r/\n1.1.0 runs and is committed\n\z/
    assert Node.get(node, "/version") == "1.1.0"

    lines = node |> run!(["rollback", "--json"]) |> String.split("\n", trim: true)
    assert Enum.all?(lines, &(&1 =~ ~r/^{.*}$/))
    assert Enum.any?(lines, &(&1 =~ ~r/"event":"progress","operation":"rollback",.*"stage":"probation"/))
    assert List.last(lines) =~ ~s("event":"result","exit_code":0,"ok":true)
    assert Node.get(node, "/version") == "1.0.0"
    assert Node.os_pid(node) == pid

    assert run!(node, ["history", "--limit", "1"]) =~ "rollback 1.1.0 -> 1.0.0: committed"
  end

  test "a release that is taken back ends with 1", %{node: node, archives: archives} do
    Node.upload(node, archives["1.3.0-unhealthy"])
    assert {1, output} = run(node, ["deploy", "1.3.0-unhealthy"])
    assert output =~ ~r/deploy: release 1.3.0-unhealthy was taken back, 1.0.0 runs: .*garden/
  end

  test "a restart is waited for, there and back, and can be refused", %{node: node, archives: archives} do
    Node.upload(node, archives["1.6.0-nif"])
    assert run!(node, ["install", "1.6.0-nif"]) =~ "1.6.0-nif is installed"
    assert {4, output} = run(node, ["plan", "1.6.0-nif", "--require", "hot"])
    assert output =~ "garden 1.0.0 -> 1.6.0-nif: with a restart of the node\n"
    assert {4, output} = run(node, ["deploy", "1.6.0-nif", "--mode", "hot"])
    assert output =~ "deploy: release 1.6.0-nif needs a restart of the VM"

    output = run!(node, ["deploy", "1.6.0-nif"])
    assert output =~ "#{node.node} is away, as in a restart; waiting for it\n#{node.node} is back\n"
    assert output =~ ~r/\n1.6.0-nif runs and is committed\n\z/

    output = run!(node, ["rollback"])
    assert output =~ "is back\n"
    assert output =~ ~r/\n1.0.0 runs and is committed\n\z/
  end

  test "Ctrl-C leaves the deployment running, to be followed and cancelled", %{node: node, archives: archives} do
    probation(node, 60_000)
    Node.upload(node, archives["1.1.0"])

    for interrupted <- [["deploy", "1.1.0"], ["follow"]] do
      client = start(node, interrupted)
      printed = await_output(client, ~r/switch 1.1.0: on probation/)
      interrupt(client)
      assert {130, output} = await_end(client, printed)
      assert output =~ "the switch of 1.1.0 goes on in the node.\n  watch it:  bin/bloom follow\n"
      assert %{stage: :probation} = Node.rpc(node, Bloom, :status, [])
    end

    assert {1, output} = run(node, ["deploy", "1.1.0", "--archive", archives["1.1.0"]])
    assert output =~ "1.1.0 is installed already\ndeploy: switch of release 1.1.0 is in progress"
    assert run!(node, ["cancel"]) =~ "cancelled"
    assert run!(node, ["status"]) =~ "switch 1.0.0 -> 1.1.0: cancelled"
  end

  test "a node that asks for tokens is answered with those of BLOOM_SECRET", %{node: node, archives: archives} do
    secret = "sixteen bytes at least, and these are more"
    env = [require_authentication: true, shared_secret: secret]
    for {option, value} <- env, do: Node.rpc(node, Application, :put_env, [:bloom, option, value])
    on_exit(fn -> for {option, _value} <- env, do: Node.rpc(node, Application, :delete_env, [:bloom, option]) end)

    assert {5, "status: " <> _reason} = run(node, ["status"])
    assert {5, _output} = run(node, ["status"], [{"BLOOM_SECRET", "another secret of some length"}])
    Node.upload(node, archives["1.1.0"])
    assert {0, output} = run(node, ["install", "1.1.0"], [{"BLOOM_SECRET", secret}])
    assert output =~ "1.1.0 is installed"
    assert {0, "no deployment is in progress\n"} = run(node, ["follow"], [{"BLOOM_SECRET", secret}])
  end

  test "colours and the line that is written over are for terminals", %{node: node} do
    assert {0, output} = on_terminal(node, "health-check")
    assert output =~ "\e[32mok    garden\e[0m\r\n"
    assert {0, output} = on_terminal(node, "health-check", [{"NO_COLOR", "1"}])
    assert output =~ "ok    garden\r\n"
    refute output =~ "\e[32m"
  end
end
