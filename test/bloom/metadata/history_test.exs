defmodule Bloom.Metadata.HistoryTest do
  use ExUnit.Case, async: true

  doctest Bloom.Metadata.History
end
