defmodule Bloom.DatabaseBackup.RestorationTest do
  use Bloom.Test.FakeBackend, async: false

  doctest Bloom.DatabaseBackup.Discards

  describe "a restore" do
    test "touches nothing when one file is damaged", %{repo: repo, live: file, tmp_dir: tmp_dir} do
      other = Path.join(tmp_dir, "shed.db")
      File.write!(other, "rake\n")
      repos = [repo, FakeBackend.repo("Shed.Repo", other)]
      {:ok, info} = DatabaseBackup.create("1.1.0", repos)
      File.write!(Path.join(info.directory, List.last(info.databases).file), "rust\n")
      File.write!(file, "weed\n")
      assert {:error, %Error{code: :backup_damaged}} = DatabaseBackup.restore("1.1.0", %{}, repos)
      assert File.read!(file) == "weed\n"
    end

    test "says which database is at which state when a later one fails", %{repo: repo, live: file, tmp_dir: tmp_dir} do
      other = Path.join(tmp_dir, "shed.db")
      File.write!(other, "rake\n")
      fail = fn _watch -> {:error, Error.new(:database_gone, "the server is gone", suggestions: ["start it"])} end
      repos = [repo, FakeBackend.repo("Shed.Repo", other, restore: fail), FakeBackend.repo("Pond.Repo", other)]
      {:ok, %{id: id}} = DatabaseBackup.create("1.1.0", repos)
      File.write!(file, "weed\n")
      assert {:error, %Error{code: :restore_incomplete} = error} = DatabaseBackup.restore("1.1.0", %{}, repos)

      assert error.message ==
               "Shed.Repo could not be restored (the server is gone). Now Garden.Repo: as in backup #{id}; " <>
                 "Shed.Repo, Pond.Repo: as before the restore"

      assert %{restored: [%{repo: "Garden.Repo"}], untouched: ["Shed.Repo", "Pond.Repo"]} = error.details
      assert File.read!(file) == "rose\ntulip\n"
    end

    test "goes on where nobody can tell what it discards", %{repo: repo, live: file} do
      {:ok, _info} = DatabaseBackup.create("1.1.0", [repo])
      fail = fn _dump -> {:error, Error.new(:database_damaged, "the database is malformed")} end
      broken = FakeBackend.repo("Garden.Repo", file, written_since: fail)
      assert {:error, %Error{code: :database_damaged}} = DatabaseBackup.discards("1.1.0", [broken])
      assert {:ok, %{discarded: [%{count: :unknown}]}} = DatabaseBackup.restore("1.1.0", %{}, [broken])
    end

    test "needs a repo of that name", %{repo: repo, live: file} do
      {:ok, _info} = DatabaseBackup.create("1.1.0", [repo])
      other = FakeBackend.repo("Other.Repo", file)
      assert {:error, %Error{code: :no_such_repo, message: message}} = DatabaseBackup.restore("1.1.0", %{}, [other])
      assert message =~ "Garden.Repo"
    end

    test "needs a backup whose manifest can be read, and says why it cannot", %{repo: repo} do
      {:ok, info} = DatabaseBackup.create("1.1.0", [repo])
      manifest = Path.join(info.directory, "manifest")
      <<head::binary-size(100), byte, tail::binary>> = File.read!(manifest)
      File.write!(manifest, <<head::binary, Bitwise.bxor(byte, 1), tail::binary>>)
      assert {:error, %Error{code: :no_backup, message: message}} = DatabaseBackup.restore("1.1.0", %{}, [repo])
      assert message =~ "there is no backup of 1.1.0; the backup in #{info.directory} has no manifest"
      assert message =~ "it is damaged"
      log = capture_log(fn -> assert DatabaseBackup.list_backups() == [] end)
      assert log =~ info.directory
    end
  end
end
