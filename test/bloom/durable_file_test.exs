defmodule Bloom.DurableFileTest do
  use ExUnit.Case, async: true

  @moduletag :tmp_dir

  test "writes and replaces a file with its mode, and leaves nothing beside it", %{tmp_dir: tmp_dir} do
    path = Path.join(tmp_dir, "file")
    assert :ok = Bloom.DurableFile.write!(path, "one")
    assert :ok = Bloom.DurableFile.write!(path, ["tw", ?o, "ü"], 0o600)
    assert File.read!(path) == "twoü"
    assert Bitwise.band(File.stat!(path).mode, 0o777) == 0o600
    assert File.ls!(tmp_dir) == ["file"]
  end

  test "raises where it cannot, and leaves the old file", %{tmp_dir: tmp_dir} do
    assert_raise File.Error, fn -> Bloom.DurableFile.write!(Path.join(tmp_dir, "no/where"), "x") end
  end
end
