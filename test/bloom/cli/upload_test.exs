defmodule Bloom.CLI.UploadTest do
  use ExUnit.Case, async: true

  alias Bloom.CLI.{Output, Remote, Session, Upload}

  @moduletag :tmp_dir

  defp session(to) do
    {:ok, device} = StringIO.open("")
    remote = %Remote{node: node(), ask: fn :archive, ["1.1.0"] -> {:ok, to} end}
    %Session{remote: remote, output: %Output{device: device, errors: device}}
  end

  test "an archive is copied as a whole, over one that is there", %{tmp_dir: dir} do
    [from, to] = for name <- ["from.tar.gz", "garden-1.1.0.tar.gz"], do: Path.join(dir, name)
    File.write!(from, "new")
    File.write!(to, "old")
    assert Upload.run(session(to), "1.1.0", from) == :ok
    assert File.read!(to) == "new"
    assert Enum.sort(File.ls!(dir)) == ["from.tar.gz", "garden-1.1.0.tar.gz"]
  end

  test "nobody may read the copy who may not read the archive", %{tmp_dir: dir} do
    [from, to] = for name <- ["from.tar.gz", "garden-1.1.0.tar.gz"], do: Path.join(dir, name)
    File.write!(from, "new")

    for mode <- [0o600, 0o400] do
      File.chmod!(from, mode)
      assert Upload.run(session(to), "1.1.0", from) == :ok
      assert Bitwise.band(File.stat!(to).mode, 0o777) == 0o600
    end
  end

  test "one that is there already stays, by whatever name it is called", %{tmp_dir: dir} do
    to = Path.join(dir, "garden-1.1.0.tar.gz")
    File.write!(to, "it")
    File.ln_s!(to, Path.join(dir, "link"))

    for name <- ["garden-1.1.0.tar.gz", "link"],
        do: assert(Upload.run(session(to), "1.1.0", Path.join(dir, name)) == :ok)

    assert File.read!(to) == "it"
  end

  test "what cannot be copied is said, and nothing of it is left", %{tmp_dir: dir} do
    to = Path.join(dir, "garden-1.1.0.tar.gz")
    assert {:error, %{code: :not_copied, message: message}} = Upload.run(session(to), "1.1.0", Path.join(dir, "none"))
    assert message =~ "none could not be copied to #{to}: no such file or directory"
    assert File.ls!(dir) == []
  end

  test "a release is that of an archive where the manifests are the same", %{tmp_dir: dir} do
    manifest = "releases/1.1.0/bloom.json"
    archive = Path.join(dir, "a.tar.gz")
    files = [{to_charlist(manifest), "it"}, {~c"lib/other", "other"}]
    :ok = :erl_tar.create(to_charlist(archive), files, [:compressed])
    refute Upload.installed?(dir, "1.1.0", archive)

    File.mkdir_p!(Path.join(dir, "releases/1.1.0"))
    File.write!(Path.join(dir, manifest), "it")
    assert Upload.installed?(dir, "1.1.0", archive)
    refute Upload.installed?(dir, "1.2.0", archive)
    refute Upload.installed?(dir, "1.1.0", Path.join(dir, "none.tar.gz"))

    File.write!(Path.join(dir, manifest), "another")
    refute Upload.installed?(dir, "1.1.0", archive)
  end
end
