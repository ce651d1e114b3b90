defmodule Bloom.RPC.OperationsTest do
  use ExUnit.Case

  alias Bloom.RPC.Operations

  doctest Operations

  test "a limit of the history is one that a journal can answer" do
    assert {:ok, _deployments} = Operations.run(:history, [[limit: 10_000]])

    for limit <- [0, -1, 10_001, 2 ** 64, 1.0, "1", nil] do
      assert {:error, %{code: :wrong_arguments}} = Operations.run(:history, [[limit: limit]])
    end
  end
end
