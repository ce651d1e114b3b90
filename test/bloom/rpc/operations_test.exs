defmodule Bloom.RPC.OperationsTest do
  use ExUnit.Case

  doctest Bloom.RPC.Operations
end
