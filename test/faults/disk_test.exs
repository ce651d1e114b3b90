defmodule Bloom.Faults.DiskTest do
  # The models of a power cut, on operations as the interposer writes them down.
  use ExUnit.Case, async: true

  alias Bloom.Test.Faults.Disk

  setup do
    base = Path.join(System.tmp_dir!(), "bloom-disk-#{System.pid()}-#{System.unique_integer([:positive])}")
    File.mkdir_p!(Path.join(base, "lib"))
    File.write!(Path.join(base, "kept"), "old content")
    on_exit(fn -> File.rm_rf!(base) end)
    %{disk: Disk.new(base), base: base}
  end

  test "the disk as it was is what is left when nothing happens", %{disk: disk, base: base} do
    target = base <> "/again"
    for model <- [:strict, :ordered, :torn], do: assert(left(disk, model) == %{"kept" => {:base, "kept"}})
    Disk.write!(Disk.image(disk, :strict), base, target)
    assert File.read!(target <> "/kept") == "old content"
    assert File.dir?(target <> "/lib")
  end

  test "a file without fsync is lost or empty, its name without fsync of the directory is lost", %{disk: disk} do
    written = run(disk, create: "new", write: {"new", 0, "content"})
    assert left(written, :strict)["new"] == nil
    assert left(written, :ordered)["new"] == ""
    assert left(written, :torn)["new"] == "con"

    assert left(run(written, sync: "new"), :strict)["new"] == nil
    assert left(run(written, sync: "new"), :ordered)["new"] == "content"
    assert left(run(written, sync: ""), :strict)["new"] == ""
    assert left(run(written, sync: "new", sync: ""), :strict)["new"] == "content"
    assert left(run(written, sync_all: ""), :strict)["new"] == "content"
  end

  test "a rename is not known before the fsync of its directory", %{disk: disk} do
    renamed = run(disk, create: "tmp", write: {"tmp", 0, "new content"}, sync: "tmp", rename: {"tmp", "kept"})
    assert left(renamed, :strict) == %{"kept" => {:base, "kept"}}
    assert left(renamed, :ordered) == %{"kept" => "new content"}
    assert left(run(renamed, sync: ""), :strict) == %{"kept" => "new content"}
  end

  test "a rename without fsync of the file leaves it empty", %{disk: disk} do
    renamed = run(disk, create: "tmp", write: {"tmp", 0, "new content"}, rename: {"tmp", "kept"}, sync: "")
    assert left(renamed, :strict) == %{"kept" => ""}
    assert left(renamed, :ordered) == %{"kept" => ""}
  end

  test "writing in place loses what was there when the file is cut first", %{disk: disk} do
    assert left(run(disk, truncate: {"kept", 0}, write: {"kept", 0, "new"}), :ordered)["kept"] == ""
    assert left(run(disk, create: "kept", write: {"kept", 0, "new"}), :ordered)["kept"] == ""
    assert left(run(disk, write: {"kept", 4, "CONTENT"}), :ordered)["kept"] == {:base, "kept"}
    assert left(run(disk, write: {"kept", 4, "CONTENT"}), :torn)["kept"] == "old CONtent"
    assert left(run(disk, write: {"kept", 4, "CONTENT"}, sync: "kept"), :strict)["kept"] == "old CONTENT"
  end

  test "directories, and what is taken away", %{disk: disk} do
    moved = run(disk, mkdir: "a", create: "a/b", write: {"a/b", 0, "x"}, sync_all: "", rename: {"a", "lib/a"})
    assert left(moved, :strict)["a/b"] == "x"
    assert left(moved, :ordered)["lib/a/b"] == "x"
    assert left(run(moved, sync: "lib"), :strict)["lib/a/b"] == "x"

    gone = run(disk, unlink: "kept")
    assert left(gone, :strict) == %{"kept" => {:base, "kept"}}
    assert left(gone, :ordered) == %{}
    assert left(run(gone, sync: ""), :strict) == %{}
  end

  test "what failed changed nothing, and what the log does not explain is an error", %{disk: disk} do
    assert Disk.apply(disk, %{operation(:unlink, "kept") | errno: 13}) == disk

    assert_raise RuntimeError, ~r/does not have what the log speaks of: 1 unlink never/, fn ->
      run(disk, unlink: "never")
    end
  end

  defp run(disk, operations) do
    Enum.reduce(operations, disk, fn {kind, what}, disk -> Disk.apply(disk, operation(kind, what)) end)
  end

  defp operation(:write, {path, offset, data}), do: %{operation(:write, path) | offset: offset, data: data}
  defp operation(:truncate, {path, size}), do: %{operation(:truncate, path) | offset: size}
  defp operation(:rename, {path, to}), do: %{operation(:rename, path) | to: to}

  defp operation(kind, path) do
    %{number: 1, pid: 1, kind: kind, path: path, to: nil, mode: 0o666, offset: 0, data: "", errno: 0}
  end

  defp left(disk, model),
    do: for({path, :file, _mode, content} <- Disk.image(disk, model), into: %{}, do: {path, content})
end
