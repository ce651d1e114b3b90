defmodule Bloom.RPC.ProtocolTest do
  # guides/florist.md against what Bloom.RPC.Operations says of itself; test/integration/florist_test.exs speaks it.
  use ExUnit.Case, async: true

  alias Bloom.RPC.Operations

  test "the guide has every operation" do
    {:docs_v1, _, _, _, %{"en" => doc}, _, _} = Code.fetch_docs(Operations)
    operations = for [_row, operation] <- Regex.scan(~r/^\| `:(\w+)` \|/m, doc), do: operation
    assert length(operations) > 10

    guide = File.read!("guides/florist.md")
    assert [] == for(operation <- operations, not String.contains?(guide, "\n| `:#{operation}` | "), do: operation)
  end
end
