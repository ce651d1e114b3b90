defmodule Bloom.OSProcessTest do
  use ExUnit.Case, async: true

  doctest Bloom.OSProcess
end
