defmodule Bloom.Integration.NoReturnTest do
  # What nobody has rehearsed goes wrong in the live process, after OTP's point of no return.
  use Bloom.Test.ReleaseCase

  import Bloom.UpgradeCase, only: [await_settled: 1]

  test "a code_change that raises there ends in the old release, and the next deployment goes in", %{node: node} do
    for version <- ["1.3.0-raises", "1.1.0"], do: :ok = install(node, version)
    Node.rpc(node, Application, :put_env, [:bloom, :rehearsal, false])
    pid = Node.os_pid(node)

    # OTP restarts the VM, which may not get to an answer.
    Node.eval(node, ~S|spawn(fn -> Bloom.ReleaseManager.switch_release("1.3.0-raises") end)|)
    assert %{version: "1.3.0-raises", outcome: :taken_back, reason: reason} = taken_back(node)
    assert reason =~ "release 1.3.0-raises was taken back, 1.0.0 runs: code_change of Garden.Beds failed: frost"
    assert Node.os_pid(node) == pid
    assert Node.get(node, "/version") == "1.0.0"
    assert Node.get(node, "/water?bed=north") == "1"
    assert Node.rpc(node, Bloom, :status, []) == :idle

    assert :ok = switch(node, "1.1.0")
    assert Node.get(node, "/version") == "1.1.0"
    assert Node.get(node, "/beds") == "1"
  end

  # Nothing before it was a switch.
  defp taken_back(node) do
    case await_settled(node) do
      %{operation: :switch} = deployment -> deployment
      _before -> taken_back(node)
    end
  end
end
