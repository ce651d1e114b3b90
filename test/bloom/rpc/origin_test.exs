defmodule Bloom.RPC.OriginTest do
  use ExUnit.Case, async: true

  alias Bloom.RPC.Origin

  doctest Origin

  test "what this node's processes spawn comes from this node, however deep" do
    assert %Origin{address: :local} =
             Task.await(Task.async(fn -> Task.await(Task.async(fn -> Origin.of(self()) end)) end))

    for name <- [:init, :kernel_sup, Bloom.Supervisor, Bloom.Deployment, :logger] do
      assert %Origin{address: :local} = name |> Process.whereis() |> Origin.of()
    end

    assert %Origin{address: :local} = :erpc.call(node(), fn -> Origin.of(self()) end)
  end

  test "nobody's is nobody's" do
    assert %Origin{node: nil, address: :unknown} = Origin.of(Process.whereis(:rex))
    {pid, ref} = spawn_monitor(fn -> :ok end)
    assert_receive {:DOWN, ^ref, :process, ^pid, :normal}
    assert %Origin{node: nil, address: :unknown} = Origin.of(pid)
  end

  test "in words" do
    assert Origin.describe(%Origin{}) == "an unknown origin"
    assert Origin.describe(%Origin{node: :a@b}) == "a@b at an unknown address"
    assert Origin.describe(%Origin{node: :a@b, address: {0, 0, 0, 0, 0, 0, 0, 1}}) == "a@b at ::1"
  end
end
