defmodule Bloom.IsolatedTest do
  use ExUnit.Case, async: true

  alias Bloom.Isolated

  doctest Isolated

  test "answers what the code answers, whatever that is" do
    assert {{:ok, :fine}, microseconds} = Isolated.run(fn -> :fine end, 1000)
    assert microseconds < 1_000_000
    assert {{:ok, {:error, _ref}}, _microseconds} = Isolated.run({__MODULE__, :pair, []}, 1000)
  end

  test "says in words how the code failed" do
    for {code, words} <- [
          {fn -> raise "boom" end, "it raised RuntimeError: boom"},
          {fn -> :erlang.error(:odd) end, "it raised ErlangError: odd"},
          {fn -> throw(:ball) end, "it threw ball"},
          {fn -> exit(:gone) end, "it exited: gone"},
          {fn -> exit(:normal) end, "it exited: normal"},
          {fn -> Process.exit(self(), :kill) end, "it exited: killed"},
          {fn -> spawn_link(fn -> exit(:down) end) && forever() end, "it exited: down"},
          {{:no_such_module, :f, []}, "it raised UndefinedFunctionError: function :no_such_module.f/0 is undefined"}
        ] do
      assert {{:error, said}, _microseconds} = Isolated.run(code, 5000)
      assert said =~ words
    end
  end

  test "ends what hangs, also when it traps exits, and what that has linked" do
    parent = self()

    hang = fn ->
      Process.flag(:trap_exit, true)
      send(parent, {:pids, self(), spawn_link(&forever/0)})
      forever()
    end

    assert {{:error, "it did not answer in 500 ms"}, microseconds} = Isolated.run(hang, 500)
    assert microseconds >= 500_000
    assert_received {:pids, hanging, linked}

    for pid <- [hanging, linked] do
      monitor = Process.monitor(pid)
      assert_receive {:DOWN, ^monitor, :process, ^pid, _reason}, 5000
    end
  end

  test "ends what hangs when nobody waits any more" do
    parent = self()

    caller =
      spawn(fn ->
        call = Isolated.start(fn -> send(parent, {:hanging, self()}) && forever() end, 1_000)
        send(parent, {:calling, call})
        forever()
      end)

    assert_receive {:hanging, hanging}, 5000
    monitor = Process.monitor(hanging)
    Process.exit(caller, :kill)
    assert_receive {:DOWN, ^monitor, :process, ^hanging, :killed}, 5000
  end

  test "leaves nothing in the mailbox" do
    Isolated.run(fn -> :fine end, 1000)
    Isolated.run(&forever/0, 1)
    refute_received _anything
  end

  def pair, do: {:error, make_ref()}
  defp forever, do: receive(do: (:never -> :ok))
end
