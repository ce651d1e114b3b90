defmodule Bloom.UpgradeCase.ArchiveTest do
  use ExUnit.Case, async: true

  alias Bloom.UpgradeCase.Archive

  doctest Archive
  doctest Bloom.UpgradeCase.Distribution

  test "what is no release is refused in words" do
    assert_raise ArgumentError, ~r/build it with `mix release`/, fn -> Archive.fetch!("nowhere.tar.gz", "/tmp") end
    assert_raise ArgumentError, ~r/not named NAME-VERSION.tar.gz/, fn -> Archive.release!("my_app.tar.gz") end
  end

  @tag :tmp_dir
  test "the release that boots is packed out of a directory, and nothing else of it", %{tmp_dir: dir} do
    root = Path.join(dir, "rel")
    rel = ~s({release, {"garden", "1.1.0"}, {erts, "13.1"}, [{garden, "1.1.0"}, {seeds, "0.1.0"}]}.)

    files = %{
      "bin/garden" => "launcher",
      "erts-13.1/bin/erl" => "erl",
      "erts-12.0/bin/erl" => "another erl",
      "lib/garden-1.1.0/ebin/garden.app" => "app",
      "lib/seeds-0.1.0/ebin/seeds.app" => "app",
      "lib/garden-1.0.0/ebin/garden.app" => "the app before",
      "releases/1.1.0/garden.rel" => rel,
      "releases/1.0.0/garden.rel" => "another",
      "releases/start_erl.data" => "13.1 1.1.0",
      "releases/COOKIE" => "cookie",
      "releases/RELEASES" => "what a node has written",
      "bloom.db" => "what a node has written"
    }

    for {path, content} <- files do
      File.mkdir_p!(Path.dirname(Path.join(root, path)))
      File.write!(Path.join(root, path), content)
    end

    archive = Archive.fetch!(root, dir)
    assert archive == Path.join(dir, "garden-1.1.0.tar.gz")
    :ok = Archive.unpack(archive, Path.join(dir, "unpacked"))

    unpacked =
      for path <- Path.wildcard(Path.join(dir, "unpacked/**")),
          File.regular?(path),
          do: Path.relative_to(path, Path.join(dir, "unpacked"))

    left = ~w(bloom.db erts-12.0/bin/erl lib/garden-1.0.0/ebin/garden.app releases/1.0.0/garden.rel releases/RELEASES)
    assert Enum.sort(unpacked) == Enum.sort(Map.keys(files) -- left)
  end
end
