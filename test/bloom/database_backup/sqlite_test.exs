defmodule Bloom.DatabaseBackup.SQLiteTest do
  use Bloom.Test.BackupCase, async: false, on: Bloom.Test.SQLiteDatabase

  alias Bloom.DatabaseBackup.SQLite

  test "a database that is not there is named", %{tmp_dir: tmp_dir} do
    path = Path.join(tmp_dir, "nowhere.db")
    {:ok, database} = SQLite.database("Garden.Repo", database: path)
    assert {:error, %Error{code: :no_such_database, message: message}} = SQLite.dump(database, path <> ".dump", %{})
    assert message =~ path
    refute File.exists?(path)
  end

  test "a database in memory has no backup, a URI is a path" do
    for memory <- [[database: ":memory:"], [database: "file::memory:?cache=shared"], []],
        do: assert({:error, %Error{code: :no_such_database}} = SQLite.database("Garden.Repo", memory))

    assert {:ok, %{name: "a b.db"}} = SQLite.database("Garden.Repo", database: "file:/srv/a%20b.db?mode=rw")
  end

  test "what was replaced is kept with its rows and its mode, the latest only", context do
    %{client: client, repo: repo, tmp_dir: tmp_dir} = context
    path = repo.config[:database]
    File.chmod!(path, 0o640)
    info = backup(repo)

    kept =
      for id <- 1..2 do
        query(client, "DELETE FROM plants WHERE id = #{id}")
        {:ok, %{replaced: [%{replaced: kept}]}} = DatabaseBackup.restore(info, %{}, [repo])
        kept
      end

    assert [Path.basename(List.last(kept))] == Enum.filter(File.ls!(tmp_dir), &(&1 =~ ".replaced-"))
    assert Bitwise.band(File.stat!(List.last(kept)).mode, 0o777) == 0o640
    assert Bitwise.band(File.stat!(path).mode, 0o777) == 0o640
    old = Bloom.Test.SQLiteDatabase.connect(%{repo: %{config: [database: List.last(kept)]}})
    assert [["99"]] = query(old, "SELECT count(*) FROM plants")
  end

  test "the migrations that a restore takes back are nothing that it discards", %{client: client, repo: repo} do
    query(client, "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY)")
    info = backup(repo)
    query(client, "INSERT INTO schema_migrations VALUES (1)")
    assert {:ok, [%{count: 0}]} = DatabaseBackup.discards(info, [repo])
  end

  test "a database without a WAL is backed up while it is written to", %{database: database, client: client, repo: repo} do
    query(client, "PRAGMA journal_mode = DELETE")
    test = self()
    writer = Task.async(fn -> write_for_ever(Bloom.Test.SQLiteDatabase, database, test) end)
    assert_receive {:written, 3}, 30_000
    info = backup(repo)
    send(writer.pid, {:stop, test})
    Task.await(writer, 30_000)
    assert {:ok, _restored} = DatabaseBackup.restore(info, %{}, [repo])
    assert [["100"]] = query(client, "SELECT sum(water) FROM plants")
    assert [["delete"]] = query(client, "PRAGMA journal_mode")
  end

  test "the VM beside the node that is killed is an error, and the node goes on", context do
    %{client: client, repo: repo, tmp_dir: tmp_dir} = context
    # Whoever holds the lock keeps it waiting.
    :ok = Bloom.Test.SQLiteDatabase.block(client)
    {:ok, database} = SQLite.database("Garden.Repo", repo.config)
    before = beside()
    task = Task.async(fn -> SQLite.dump(database, Path.join(tmp_dir, "dump"), %{}) end)
    [pid] = await(fn -> beside() -- before end)
    {_output, 0} = System.cmd("kill", ["-KILL", pid])
    assert {:error, %Error{code: :native_vm_failed, message: message}} = Task.await(task, 30_000)
    assert message =~ "status 137"
    assert [["100"]] = query(client, "SELECT count(*) FROM plants")
  end

  defp query(client, statement), do: Bloom.Test.SQLiteDatabase.query(client, statement)

  # The operating system's processes of ports of this VM that run another VM.
  defp beside do
    for port <- Port.list(),
        # Zero as long as the system has not told it.
        {:os_pid, pid} when pid > 0 <- [Port.info(port, :os_pid)],
        {:name, name} <- [Port.info(port, :name)],
        to_string(name) =~ ~r"/erl$",
        do: to_string(pid)
  end

  defp await(fun) do
    case fun.() do
      [] -> receive(after: (5 -> await(fun)))
      found -> found
    end
  end
end
