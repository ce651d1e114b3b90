defmodule Bloom.RPCTest do
  use ExUnit.Case

  alias Bloom.{Metadata, MockReleaseHandler, RPC}

  doctest Bloom.RPC

  setup do
    Application.put_env(:bloom, :release_handler, MockReleaseHandler)
    Application.put_env(:bloom, :skip_file_checks, true)

    on_exit(fn ->
      Application.delete_env(:bloom, :release_handler)
      Application.delete_env(:bloom, :skip_file_checks)
    end)

    MockReleaseHandler.clear_releases()
    MockReleaseHandler.add_mock_release(:my_app, "1.0.0", :permanent)
    :ok
  end

  test "the README's functions answer as Bloom.ReleaseManager does" do
    assert :ok = RPC.install_release("1.1.0")
    assert :ok = RPC.switch_release("1.1.0")
    assert {:ok, %{name: "my_app", version: "1.1.0"}} = RPC.current_release()
    assert [%{version: _, status: _} | _] = RPC.list_releases()
    assert :ok = RPC.rollback_release()
    assert {:ok, %{version: "1.0.0"}} = RPC.current_release()
    assert {:error, "Invalid version format: abc. Expected format: X.Y.Z or X.Y.Z-suffix"} = RPC.install_release("abc")
    assert {:error, "this node does not run a release" <> _} = RPC.plan("1.1.0")
    assert {:error, "no deployment is in progress" <> _} = RPC.cancel()
    assert RPC.status() == :idle
    assert {:ok, %{healthy: _, checks: [_ | _]}} = RPC.health_check()
    assert {:ok, deployments} = RPC.history()
    assert is_list(deployments)
  end

  test "call answers in plain data, errors with their codes" do
    assert {:error, %{code: :invalid_version, message: "Invalid version format: abc" <> _, suggestions: [_]}} =
             RPC.call(:install, ["abc"])

    assert :ok = RPC.call(:install, ["1.1.0"])
    assert {:ok, [%{name: "my_app", version: "1.1.0", status: :unpacked}, _older]} = RPC.call(:list, [])
    assert {:error, %{code: :wrong_arguments, suggestions: [_]}} = RPC.call(:switch, ["1.1.0", [mode: :cold]])
    assert {:error, %{code: :wrong_arguments}} = RPC.call(:switch, ["1.1.0", %{mode: :hot}])
    assert {:error, %{code: :wrong_arguments}} = RPC.call(:switch, [])
    assert {:error, %{code: :unknown_operation}} = RPC.call(:eval, ["System.halt()"])
    assert :ok = RPC.call(:switch, ["1.1.0", [force: true]])
    assert {:ok, %{version: "1.1.0"}} = RPC.call(:current, [])
  end

  test "the history has times as text and its steps" do
    {:ok, id} = Metadata.start_deployment(%{operation: :switch, version: "1.1.0", from_version: "1.0.0"})
    {:ok, step} = Metadata.start_step(id, :verify, :run)
    :ok = Metadata.finish_step(step, {:error, "no"})
    :ok = Metadata.finish_deployment(id, :failed, "no")

    assert {:ok, [deployment]} = RPC.call(:history, [[limit: 1]])
    assert %{id: ^id, operation: :switch, outcome: :failed, reason: "no", from_version: "1.0.0"} = deployment
    assert [%{step: :verify, phase: :run, result: {:error, "no"}, duration_us: _}] = deployment.steps
    assert {:ok, _time, 0} = DateTime.from_iso8601(deployment.started_at)
    assert {:ok, _time, 0} = DateTime.from_iso8601(deployment.ended_at)
  end

  test "a call is in the audit log, once" do
    assert :ok = RPC.call(:install, ["1.2.0"])
    assert {:ok, [entry | before]} = Metadata.get_audit(limit: 2)
    assert %{operation: "install", arguments: ["1.2.0"], who: "this node", result: ":ok"} = entry
    refute match?([%{operation: "install", arguments: ["1.2.0"]}], before)
  end
end
