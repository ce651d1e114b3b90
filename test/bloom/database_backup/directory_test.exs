defmodule Bloom.DatabaseBackup.DirectoryTest do
  use Bloom.Test.FakeBackend, async: false

  alias Bloom.DatabaseBackup.Directory

  doctest Bloom.DatabaseBackup.Retention

  describe "what is kept" do
    test "is the newest of all versions, and the journal promises no other", %{repo: repo} do
      put_option(:database_backup_retention_count, 2)
      for version <- ["1.0.0", "1.1.0", "1.2.0"], do: {:ok, _info} = DatabaseBackup.create(version, [repo])
      assert ["1.2.0", "1.1.0"] = Enum.map(DatabaseBackup.list_backups(), & &1.version)
      assert {:error, message} = Metadata.get_backup_info("1.0.0")
      assert message =~ "any more"
    end

    test "does not include what an interrupted backup left", %{repo: repo, backups: backups} do
      {:ok, host} = :inet.gethostname()
      {:ok, _info} = DatabaseBackup.create("1.0.0", [repo])
      id = Directory.id("1.1.0", DateTime.utc_now())
      # No process has a number that large.
      gone = [".making-#{id}@#{host}@999999999", ".making-#{id}@#{host}@#{System.pid()}", ".removing-#{id}"]
      elsewhere = ".making-#{id}@elsewhere@1"
      for name <- [elsewhere | gone], do: File.mkdir!(Path.join(backups, name))
      {:ok, _info} = DatabaseBackup.create("1.1.0", [repo])
      assert [^elsewhere, "1.0.0-" <> _, "1.1.0-" <> _] = Enum.sort(File.ls!(backups))
    end

    test "does not include what was deleted, by id or by version", %{repo: repo} do
      for version <- ["1.0.0", "1.1.0", "1.1.0"], do: {:ok, _info} = DatabaseBackup.create(version, [repo])
      [_newest, %{id: id} | _older] = DatabaseBackup.list_backups()
      assert :ok = DatabaseBackup.delete_backup(id)
      assert [%{version: "1.1.0"}, %{version: "1.0.0"}] = DatabaseBackup.list_backups()
      assert :ok = DatabaseBackup.delete_backup("1.1.0")
      assert {:error, message} = DatabaseBackup.delete_backup("1.1.0")
      assert message =~ "there is no backup of 1.1.0"
      assert [%{version: "1.0.0"}] = DatabaseBackup.list_backups()
    end
  end
end
