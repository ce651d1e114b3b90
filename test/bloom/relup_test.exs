defmodule Bloom.RelupTest do
  use ExUnit.Case, async: true

  doctest Bloom.Relup
end
