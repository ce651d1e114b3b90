defmodule Bloom.Metadata.RowsTest do
  use ExUnit.Case, async: true

  doctest Bloom.Metadata.Rows
end
