defmodule Bloom.ReleasesFile.ReleaseHandlerTest do
  # With the release handler of this VM, which is to be there whatever is killed.
  use ExUnit.Case, async: false

  alias Bloom.ReleasesFile
  alias Bloom.Test.FakeRoot

  @moduletag :tmp_dir

  setup %{tmp_dir: root} do
    FakeRoot.put_releases(root, [FakeRoot.entry("1.1.0", [], :old), FakeRoot.entry("1.0.0", [], :permanent)])

    on_exit(fn ->
      # A test that failed may have left it suspended.
      :sys.resume(:sasl_sup)
      :supervisor.restart_child(:sasl_sup, :release_handler)
    end)
  end

  test "it is started again after it was stopped, also where the process that wanted it is killed", %{tmp_dir: root} do
    before = Process.monitor(:release_handler)
    :ok = :sys.suspend(:sasl_sup)
    {caller, ref} = spawn_monitor(fn -> ReleasesFile.unregister(root, "1.1.0") end)
    restarter = await(&asks_sasl/0)
    # With that of an application it would be killed when that is stopped.
    assert Process.info(restarter, :group_leader) == {:group_leader, Process.whereis(:init)}
    Process.exit(caller, :kill)
    assert_receive {:DOWN, ^ref, :process, ^caller, :killed}
    :ok = :sys.resume(:sasl_sup)

    assert_receive {:DOWN, ^before, :process, _handler, _stopped}
    await(fn -> Process.whereis(:release_handler) end)
    assert FakeRoot.listed(root) == ["1.0.0"]
  end

  test "it is started where it is missing, and left alone where it is not" do
    :ok = :supervisor.terminate_child(:sasl_sup, :release_handler)
    assert ReleasesFile.ensure_release_handler() == :ok
    assert handler = Process.whereis(:release_handler)
    assert ReleasesFile.ensure_release_handler() == :ok
    assert Process.whereis(:release_handler) == handler
  end

  # Whose call the supervisor has in its mailbox.
  defp asks_sasl do
    {:messages, messages} = Process.info(Process.whereis(:sasl_sup), :messages)
    List.first(for {:"$gen_call", {pid, _tag}, _request} <- messages, do: pid)
  end

  defp await(fun, attempts \\ 500) do
    cond do
      found = fun.() -> found
      attempts == 0 -> flunk("it did not happen")
      true -> receive(after: (10 -> await(fun, attempts - 1)))
    end
  end
end
