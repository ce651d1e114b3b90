defmodule Bloom.Integration.NoReturnTest do
  # What nobody has rehearsed goes wrong in the live process, after OTP's point of no return.
  use Bloom.Test.ReleaseCase

  import Bloom.UpgradeCase, only: [await_settled: 1]

  # As the handler does where it fails there: it says why, and has the VM start again.
  @no_way_back """
  defmodule NoWayBack do
    defdelegate which_releases(), to: :release_handler
    defdelegate check_install_release(vsn), to: :release_handler

    def install_release(~c"1.0.0") do
      :init.restart()
      {:error, {:code_change_failed, self(), Garden.Beds, 1, :thorns}}
    end

    def install_release(vsn), do: :release_handler.install_release(vsn)
  end

  Application.put_env(:bloom, :release_handler, NoWayBack)
  """

  test "what raises there, on the way there or back, ends in the old release, and the next deployment goes in", %{
    node: node
  } do
    for version <- ["1.3.0-raises", "1.1.0"], do: :ok = install(node, version)
    pid = Node.os_pid(node)

    Node.rpc(node, Application, :put_env, [:bloom, :rehearsal, false])
    reason = taken_back(node, "1.3.0-raises")
    assert reason =~ "release 1.3.0-raises was taken back, 1.0.0 runs: code_change of Garden.Beds failed: frost"

    Node.rpc(node, Application, :put_env, [:bloom, :health_checks, [never: {Process, :get, [:never, false]}]])
    Node.eval(node, @no_way_back)
    assert taken_back(node, "1.1.0") =~ "release 1.1.0 was taken back, 1.0.0 runs: health check never failed"

    assert :ok = switch(node, "1.1.0")
    assert Node.get(node, "/version") == "1.1.0"
    assert Node.get(node, "/beds") == "1"
    assert Node.os_pid(node) == pid
  end

  # OTP restarts the VM, which may not get to an answer.
  defp taken_back(node, version) do
    Node.eval(node, "spawn(fn -> Bloom.ReleaseManager.switch_release(~S(#{version})) end)")
    assert %{outcome: :taken_back, reason: reason} = switched(node, version)
    # It is settled before garden starts.
    assert :ok = Node.await_start(node, Node.starts(node))
    assert Node.get(node, "/version") == "1.0.0"
    assert Node.get(node, "/water?bed=north") == "1"
    assert Node.rpc(node, Bloom, :status, []) == :idle
    reason
  end

  # What came before it was of another kind, or of another version.
  defp switched(node, version) do
    case await_settled(node) do
      %{operation: :switch, version: ^version} = deployment -> deployment
      _before -> switched(node, version)
    end
  end
end
