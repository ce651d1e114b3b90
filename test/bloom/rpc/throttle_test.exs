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
    for _failure <- 1..2, do: Throttle.failed(bad)
    assert {:error, _wait} = Throttle.check(bad)
    Application.put_env(:bloom, :rpc_failure_window_s, 0)
    assert Throttle.check(bad) == :ok
    Throttle.failed(origin())
    assert :ets.lookup(Throttle, bad.address) == []
  end
end
