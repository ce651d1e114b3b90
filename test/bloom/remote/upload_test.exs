defmodule Bloom.Remote.UploadTest do
  # Alone, as it changes PATH.
  use ExUnit.Case

  alias Bloom.{DurableFile, Error}
  alias Bloom.Remote.{Target, Upload}
  alias Bloom.Test.FakeSSH

  @moduletag :tmp_dir

  setup %{tmp_dir: dir} do
    before = FakeSSH.install(Path.join(dir, "path"))
    on_exit(fn -> System.put_env("PATH", before) end)
    there = Path.join(dir, "it's; there $x")
    File.mkdir_p!(there)
    # More than a pipe holds, and a part of a chunk at the end.
    file = Path.join(dir, "archive")
    File.write!(file, :rand.bytes(1_000_003))
    {:ok, archive: file, dir: there, to: Path.join(there, "garden 1.tar.gz")}
  end

  defp target(host), do: %Target{host: host, root: "/"}

  test "a file arrives whole, with progress, and nothing beside it", %{archive: file, dir: dir, to: to} do
    test = self()
    assert Upload.run(target("server"), file, to, &send(test, {:sent, &1, &2})) == {:ok, :sent}
    assert File.read!(to) == File.read!(file)
    assert File.ls!(dir) == [Path.basename(to)]
    assert_received {:sent, 262_144, 1_000_003}
    assert_received {:sent, 1_000_003, 1_000_003}
  end

  test "what is on its way has a name that is removed where it stays behind", %{archive: file, dir: dir, to: to} do
    test = self()
    assert Upload.run(target("server"), file, to, fn _sent, _size -> send(test, File.ls!(dir)) end) == {:ok, :sent}
    assert_received [temporary]
    assert String.starts_with?(temporary, Path.basename(to) <> ".")
    File.write!(Path.join(dir, temporary), "a part")
    DurableFile.sweep([dir])
    assert File.ls!(dir) == [Path.basename(to)]
  end

  test "what is there already is not sent again, and what differs is replaced", %{archive: file, to: to} do
    File.write!(to, "older")
    assert Upload.run(target("server"), file, to) == {:ok, :sent}
    assert Upload.run(target("server"), file, to) == {:ok, :there}
    assert File.read!(to) == File.read!(file)
  end

  test "an empty file is one as well", %{archive: file, to: to} do
    File.write!(file, "")
    assert Upload.run(target("server"), file, to) == {:ok, :sent}
    assert File.read!(to) == ""
  end

  @tag :capture_log
  test "where the connection breaks, there is what there was", %{archive: file, dir: dir, to: to} do
    File.write!(to, "older")
    assert {:error, %Error{code: :upload_failed} = error} = Upload.run(target("broken"), file, to)
    assert error.message == "sending garden 1.tar.gz to broken broke off"
    assert [_what_to_do] = error.suggestions
    assert File.read!(to) == "older"
    assert File.ls!(dir) == [Path.basename(to)]
  end

  @tag :capture_log
  test "where the disk is full, there is what there was", %{archive: file, dir: dir, to: to} do
    assert {:error, %Error{code: :upload_failed, suggestions: [suggestion]}} = Upload.run(target("full"), file, to)
    assert suggestion =~ "room"
    assert File.ls!(dir) == []
  end

  test "a file that changes meanwhile is not put there", %{archive: file, dir: dir, to: to} do
    others = %{
      shorter: "short",
      longer: :rand.bytes(1_100_000),
      other: :rand.bytes(1_000_003)
    }

    for {how, bytes} <- others do
      change = fn _sent, _size -> File.write!(file, bytes) end
      assert {:error, %Error{code: :upload_failed} = error} = Upload.run(target("server"), file, to, change)
      assert {how, error.message} == {how, "garden 1.tar.gz was changed here while it was sent"}
      assert [_what_to_do] = error.suggestions
      File.write!(file, :rand.bytes(1_000_003))
      await(fn -> File.ls!(dir) == [] end)
    end
  end

  test "who may read it is for the account's umask to say", %{archive: file, to: to} do
    assert Upload.run(target("private"), file, to) == {:ok, :sent}
    assert Bitwise.band(File.stat!(to).mode, 0o777) == 0o600
  end

  test "where it cannot be written, that is said", %{archive: file} do
    assert {:error, %Error{code: :upload_failed, message: message}} = Upload.run(target("server"), file, "/proc/no/a")
    assert message == "a could not be put into /proc/no of server"
    assert {:error, %Error{code: :unreachable}} = Upload.run(target("nowhere"), file, "/proc/no/a")
  end

  defp await(condition, tries \\ 500) do
    cond do
      condition.() -> :ok
      tries == 0 -> flunk("in vain")
      true -> receive(after: (20 -> await(condition, tries - 1)))
    end
  end

  test "a file that is not here is not sent", %{dir: dir, to: to} do
    assert {:error, %Error{}} = Upload.run(target("server"), Path.join(dir, "no"), to)
    refute File.exists?(to)
  end
end
