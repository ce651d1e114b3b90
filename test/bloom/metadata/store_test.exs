defmodule Bloom.Metadata.StoreTest do
  use ExUnit.Case

  alias Bloom.{Error, Metadata, Native}
  alias Bloom.Metadata.Store

  @moduletag :tmp_dir

  setup %{tmp_dir: tmp_dir} do
    Application.put_env(:bloom, :app_root, tmp_dir)

    on_exit(fn ->
      Application.delete_env(:bloom, :app_root)
      Store.close()
    end)

    {:ok, db: Path.join(tmp_dir, "bloom.db")}
  end

  describe "a damaged journal" do
    setup %{db: db} do
      :ok = Metadata.save_backup_info("1.1.0", %{path: "one"})
      {:ok, _} = Store.query("PRAGMA wal_checkpoint(TRUNCATE)")
      Store.close()
      File.cp!(db, db <> ".copy")
      File.write!(db, "x" <> binary_part(File.read!(db), 1, 20_000))
    end

    test "is kept aside, and every function says so", %{db: db, tmp_dir: dir} do
      content = File.read!(db)
      assert {:error, %Error{code: :store_damaged, message: message}} = Metadata.status()
      assert [kept] = kept(dir)
      assert message =~ "it is kept as #{kept}" and message =~ "Bloom.Metadata.start_anew()"
      assert File.read!(kept) == content

      for answer <- [
            Metadata.start_deployment(%{operation: :install, version: "1.1.0"}),
            Metadata.update_deployment(1, %{mode: :hot}),
            Metadata.start_step(1, :verify, :run),
            Metadata.finish_step(1, :ok, nil),
            Metadata.finish_deployment(1, :failed, "no"),
            Metadata.unfinished_deployment(),
            Metadata.save_migration_info("1.1.0", %{}),
            Metadata.save_backup_info("1.1.0", %{}),
            Metadata.audit(%{who: nil, operation: :status, arguments: [], result: :ok}),
            Metadata.verify_audit(),
            Metadata.status()
          ] do
        assert {:error, %Error{code: :store_damaged}} = answer
      end

      for answer <- [
            Metadata.get_deployment_history(),
            Metadata.get_deployment(1),
            Metadata.get_rollback_target(),
            Metadata.get_migration_info("1.1.0"),
            Metadata.get_backup_info("1.1.0"),
            Metadata.get_audit()
          ] do
        assert {:error, "the journal " <> rest} = answer
        assert rest =~ "is damaged"
      end

      refute File.exists?(db)
    end

    test "can be replaced by a copy at once", %{db: db} do
      assert {:error, %Error{code: :store_damaged}} = Metadata.status()
      File.rename!(db <> ".copy", db)
      assert :ok = Metadata.status()
      assert {:ok, %{path: "one"}} = Metadata.get_backup_info("1.1.0")
    end

    test "can be given up", %{tmp_dir: dir} do
      assert {:error, %Error{code: :store_damaged}} = Metadata.status()
      assert :ok = Metadata.start_anew()
      assert :ok = Metadata.status()
      assert {:error, "There is no backup of version 1.1.0"} = Metadata.get_backup_info("1.1.0")
      assert [_kept] = kept(dir)

      # Only once.
      :ok = Metadata.save_backup_info("1.1.0", %{path: "two"})
      assert :ok = Metadata.start_anew()
      assert {:ok, %{path: "two"}} = Metadata.get_backup_info("1.1.0")
    end
  end

  test "damage is found while the journal is open", %{db: db, tmp_dir: dir} do
    :ok = Metadata.save_backup_info("1.1.0", %{path: "one"})
    {:ok, _} = Store.query("PRAGMA wal_checkpoint(TRUNCATE)")
    # What the open journal remembers of its file goes with the next write of somebody else.
    {:ok, other} = Native.store_open(db)
    {:ok, _} = Native.store_query(other, "INSERT INTO meta (key, value) VALUES ('x', 1)", [])
    {:ok, _} = Native.store_query(other, "PRAGMA wal_checkpoint(TRUNCATE)", [])
    :ok = Native.store_close(other)
    File.write!(db, :binary.copy(<<0xA5>>, File.stat!(db).size))
    assert {:error, %Error{code: :store_damaged}} = Metadata.status()
    assert [_kept] = kept(dir)
    assert {:error, %Error{code: :store_damaged}} = Metadata.start_deployment(%{operation: :install, version: "1.1.0"})
  end

  test "another file in its place is opened", %{db: db} do
    :ok = Metadata.save_backup_info("1.1.0", %{path: "one"})
    {:ok, _} = Store.query("PRAGMA wal_checkpoint(TRUNCATE)")
    File.cp!(db, db <> ".copy")
    :ok = Metadata.save_backup_info("1.1.0", %{path: "two"})
    File.rm!(db <> "-wal")
    File.rename!(db <> ".copy", db)
    assert {:ok, %{path: "one"}} = Metadata.get_backup_info("1.1.0")
  end

  # The one place that not even the superuser may write to, where it is mounted.
  @tag skip: if(not File.dir?("/sys/kernel"), do: "/sys is not mounted")
  test "what may not be written is an error, and the node lives" do
    Application.put_env(:bloom, :app_root, "/sys")
    assert {:error, %Error{code: :store_read_only, message: message}} = Metadata.status()
    assert message =~ "the journal /sys/bloom.db cannot be written"
    assert {:error, "the journal /sys/bloom.db cannot be written" <> _} = Metadata.get_rollback_target()
  end

  test "a newer Bloom's journal may be read-only to this one", %{tmp_dir: dir} do
    {:ok, []} = Store.query("UPDATE meta SET value = 99 WHERE key = 'oldest_writer'")
    Store.close()
    assert {:error, %Error{code: :store_newer}} = Metadata.start_deployment(%{operation: :install, version: "1.1.0"})
    assert {:error, %Error{code: :store_newer}} = Metadata.start_anew()
    assert kept(dir) == []
  end

  test "many processes find one journal, also in memory, and it outlives them" do
    for root <- [Application.get_env(:bloom, :app_root), nil] do
      Application.put_env(:bloom, :app_root, root)
      Store.close()

      writers =
        for writer <- 1..8 do
          spawn_monitor(fn ->
            for index <- 1..10, do: :ok = Metadata.save_migration_info("#{writer}", %{index: index})
            exit(:kill)
          end)
        end

      for {pid, monitor} <- writers, do: assert_receive({:DOWN, ^monitor, :process, ^pid, :kill}, 10_000)

      for writer <- 1..8 do
        assert {:ok, saved} = Metadata.get_migration_info("#{writer}")
        assert Enum.map(saved, & &1.index) == Enum.to_list(10..1//-1)
      end
    end
  end

  test "it is closed and opened again while others are in it" do
    long = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 30000) SELECT max(x) FROM c"
    test = self()

    readers =
      for _reader <- 1..4 do
        spawn_monitor(fn ->
          for _query <- 1..25 do
            send(test, :in_it)
            answer = Store.query(long)
            # Closed twice under the same call.
            assert answer == {:ok, [[30_000]]} or match?({:error, %Error{code: :store_closed}}, answer)
          end
        end)
      end

    for _query <- 1..100 do
      assert_receive :in_it, 5_000
      Store.close()
    end

    for {pid, monitor} <- readers, do: assert_receive({:DOWN, ^monitor, :process, ^pid, :normal}, 10_000)
    assert :ok = Metadata.status()
  end

  test "what was answered is there after a kill", %{tmp_dir: dir} do
    writer = """
    Application.put_env(:bloom, :app_root, #{inspect(dir)})

    for index <- Stream.iterate(1, &(&1 + 1)) do
      :ok = Bloom.Metadata.save_migration_info("1.1.0", %{index: index})
      IO.puts(index)
    end
    """

    args = ["-pa", Application.app_dir(:bloom, "ebin"), "-e", writer]

    port =
      Port.open({:spawn_executable, System.find_executable("elixir")}, [:binary, :exit_status, line: 80, args: args])

    {:os_pid, pid} = Port.info(port, :os_pid)
    assert_receive {^port, {:data, {:eol, "25"}}}, 20_000
    {_, 0} = System.cmd("kill", ["-KILL", "#{pid}"])
    assert_receive {^port, {:exit_status, _killed}}, 10_000

    assert {:ok, [%{index: last} | _] = saved} = Metadata.get_migration_info("1.1.0")
    assert Enum.map(saved, & &1.index) == Enum.to_list(last..1//-1)
    assert last >= answered(port, 25)
  end

  test "where no release runs and nothing is set it is in memory" do
    Application.delete_env(:bloom, :app_root)
    assert Store.path() == ":memory:"
    assert {:ok, []} = Metadata.get_migration_info("1.1.0")
  end

  describe "Bloom.Native" do
    test "keeps values as they are" do
      {:ok, store} = Native.store_open(":memory:")
      values = [nil, 1, -9_223_372_036_854_775_808, 0.5, "grün", {:blob, <<0, 255>>}]
      assert {:ok, [row]} = Native.store_query(store, "SELECT ?1, ?2, ?3, ?4, ?5, ?6", values)
      assert row == [nil, 1, -9_223_372_036_854_775_808, 0.5, "grün", <<0, 255>>]

      for value <- [true, 9_223_372_036_854_775_808, <<255>>, {:blob, 1}, {:text, "x"}, [1]] do
        assert_raise ArgumentError, fn -> Native.store_query(store, "SELECT ?1", [value]) end
      end
    end

    test "does all of a transaction or nothing" do
      {:ok, store} = Native.store_open(":memory:")
      insert = {"INSERT INTO meta (key, value) VALUES (?1, ?2) RETURNING key", ["x", 1]}
      count = {"SELECT count(*) FROM meta", []}
      assert {:error, %Error{code: :store_failed}} = Native.store_transaction(store, [insert, insert])
      assert {:ok, [[[1]]]} = Native.store_transaction(store, [count])
      assert {:ok, [[["x"]], [[2]]]} = Native.store_transaction(store, [insert, count])
    end

    test "says that a closed one is closed" do
      {:ok, store} = Native.store_open(":memory:")
      assert :ok = Native.store_close(store)
      assert {:error, %Error{code: :store_closed}} = Native.store_query(store, "SELECT 1", [])
    end
  end

  defp answered(port, last) do
    receive do
      {^port, {:data, {:eol, index}}} -> answered(port, max(last, String.to_integer(index)))
    after
      0 -> last
    end
  end

  defp kept(dir) do
    for path <- Path.wildcard(Path.join(dir, "bloom.db.damaged-*")),
        not String.ends_with?(path, ["-wal", "-shm"]),
        do: path
  end
end
