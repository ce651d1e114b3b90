defmodule Bloom.ReleasesTest do
  use ExUnit.Case, async: true

  doctest Bloom.Releases
end
