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

  test "what was left half-written is swept, and nothing else or that is to be spared", %{tmp_dir: tmp_dir} do
    for name <- ["RELEASES.1.tmp", "a.tar.gz.2.tmp", "a.tmp", "RELEASES"], do: File.touch!(Path.join(tmp_dir, name))
    assert :ok = Bloom.DurableFile.sweep([tmp_dir, Path.join(tmp_dir, "nowhere")], &(&1 =~ ".tar.gz."))
    assert Enum.sort(File.ls!(tmp_dir)) == ["RELEASES", "a.tar.gz.2.tmp", "a.tmp"]
    assert :ok = Bloom.DurableFile.sweep([tmp_dir])
    assert Enum.sort(File.ls!(tmp_dir)) == ["RELEASES", "a.tmp"]
  end
end
