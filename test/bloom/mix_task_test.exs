defmodule Bloom.MixTaskTest do
  use ExUnit.Case, async: true

  doctest Bloom.MixTask
end
