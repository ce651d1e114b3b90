defmodule Bloom.RPC.ThrottleTest do
  # Each test with an address of its own, as the table is the node's.
  use ExUnit.Case, async: false

  alias Bloom.Error
  alias Bloom.RPC.{Origin, Throttle}

  setup do
    on_exit(fn ->
      for option <- [:rpc_max_failures, :rpc_failure_window_s], do: Application.delete_env(:bloom, option)
    end)

    Application.put_env(:bloom, :rpc_max_failures, 2)
    :ok
  end

  defp origin, do: %Origin{node: :a@b, address: {10, 0, Enum.random(0..255), System.unique_integer([:positive])}}

  test "so many failures are looked at, and then the address has to wait, and no other" do
    {bad, good} = {origin(), origin()}
    assert Throttle.check(bad) == :ok
    Throttle.failed(bad)
    assert Throttle.check(bad) == :ok
    Throttle.failed(bad)

    assert {:error, %Error{code: :rate_limited, details: %{wait_s: wait}, message: message}} = Throttle.check(bad)
    assert wait in 59..60
    assert message =~ "in #{wait} s"
    assert {:error, %Error{code: :rate_limited}} = Throttle.check(%{bad | node: :other@b})
    assert Throttle.check(good) == :ok
  end

  test "what is over is forgotten" do
    bad = origin()
    over = System.monotonic_time(:millisecond) - 60_000
    for failure <- 1..2, do: :ets.insert(Throttle, {bad.address, over - failure})
    assert Throttle.check(bad) == :ok
    Throttle.failed(origin())
    assert :ets.lookup(Throttle, bad.address) == []
  end

  test "how long to wait is until the oldest failure that is one too many is over" do
    bad = origin()
    now = System.monotonic_time(:millisecond)
    for ago <- [50_000, 20_000, 1_000], do: :ets.insert(Throttle, {bad.address, now - ago})
    assert {:error, %Error{details: %{wait_s: wait}}} = Throttle.check(bad)
    assert wait in 39..40
  end
end
