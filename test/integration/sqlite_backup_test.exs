defmodule Bloom.SQLiteBackupTest do
  use Bloom.Test.ReleaseCase, async: false

  alias Bloom.{DatabaseBackup, Error}
  alias Bloom.Test.SQLiteDatabase

  @moduletag :tmp_dir

  test "a release backs its database up and restores it with nothing but itself", %{node: node, tmp_dir: tmp_dir} do
    database = SQLiteDatabase.start(tmp_dir)
    client = SQLiteDatabase.connect(database)
    SQLiteDatabase.query(client, "CREATE TABLE plants (name)")
    SQLiteDatabase.query(client, "INSERT INTO plants VALUES ('rose')")

    assert {:ok, info} = Node.rpc(node, DatabaseBackup, :create, ["1.1.0", [database.repo]])
    assert [^info] = Node.rpc(node, DatabaseBackup, :list_backups, [])
    SQLiteDatabase.query(client, "DELETE FROM plants")

    assert {:ok, %{discarded: [%{count: 1, unit: :rows}]}} =
             Node.rpc(node, DatabaseBackup, :restore, ["1.1.0", %{}, [database.repo]])

    assert [["rose"]] = SQLiteDatabase.query(client, "SELECT name FROM plants")

    # Without ecto_repos there is nothing to do, and it says so.
    assert {:error, "there is no database to back up" <> _rest} =
             Node.rpc(node, DatabaseBackup, :create_backup, ["1.1.0"])

    assert {:error, %Error{code: :no_backup}} = Node.rpc(node, DatabaseBackup, :restore, ["2.0.0", %{}, []])
  end
end
