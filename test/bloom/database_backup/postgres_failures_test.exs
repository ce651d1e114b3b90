defmodule Bloom.DatabaseBackup.PostgresFailuresTest do
  # Sets an option, and counts the server's transactions.
  use ExUnit.Case, async: false

  alias Bloom.DatabaseBackup.Postgres
  alias Bloom.{Error, Native}
  alias Bloom.Test.Postgres, as: Server
  alias Bloom.Test.PostgresTools, as: Tools

  @moduletag :tmp_dir

  setup %{tmp_dir: dir} do
    config = Server.database!()
    Server.query!(config, "CREATE TABLE beds (id int); INSERT INTO beds SELECT generate_series(1, 1000)")
    {:ok, database} = Postgres.database("Garden.Repo", config)
    %{config: config, database: database, path: Path.join(dir, "garden.dump")}
  end

  test "without PostgreSQL's programs it says what to install", %{tmp_dir: dir, database: database, path: file} do
    Tools.use!(dir)
    assert {:error, %Error{code: :no_tools} = error} = Postgres.dump(database, file, %{})
    assert hd(error.suggestions) =~ "install postgresql-client"
  end

  test "programs that are older than the server are not tried", %{tmp_dir: dir, database: database, path: file} do
    Tools.replace!(dir, "pg_dump", "#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n")
    assert {:error, %Error{code: :tools_too_old} = error} = Postgres.dump(database, file, %{})
    assert error.message =~ ~r/the server is PostgreSQL \d+, and pg_dump here is only 9/
    refute File.exists?(file)
  end

  test "the password is on no command line and in no error", %{tmp_dir: dir, path: file} do
    owner = Server.role!(password: "hush-hush")
    config = Keyword.put(Server.database!(owner: owner), :password, "hush-hush")

    tools =
      Tools.replace!(dir, "pg_dump", ~S"""
      #!/bin/sh
      printf %s "$PGPASSWORD" >"$DIR/password"
      grep -laf "$DIR/password" /proc/[0-9]*/cmdline >>"$DIR/found" 2>/dev/null
      exec "$PROGRAM" "$@"
      """)

    {:ok, database} = Postgres.database("Garden.Repo", config)
    assert {:ok, dump} = Postgres.dump(database, file, %{})
    assert File.read!(Path.join(tools, "password")) == "hush-hush"
    assert File.read!(Path.join(tools, "found")) == ""
    refute inspect({database, dump}, limit: :infinity) =~ "hush"

    for wrong <- ["hush-hush-hush", ""] do
      {:ok, database} = Postgres.database("Garden.Repo", Keyword.put(config, :password, wrong))
      assert {:error, %Error{code: :wrong_password} = error} = Postgres.dump(database, file, %{})
      refute inspect(error, limit: :infinity) =~ "hush"
      assert {:error, %Error{code: :wrong_password}} = Postgres.estimate(database)
    end
  end

  test "what is written while it dumps is not in it, and is counted", context do
    %{tmp_dir: dir, config: config, database: database, path: file} = context
    tools = Tools.hold!(dir, "pg_dump")
    dumping = Task.async(fn -> Postgres.dump(database, file, %{}) end)
    Tools.await(tools)
    Server.query!(config, "INSERT INTO beds VALUES (0)")
    Server.query!(config, "CREATE TABLE weeds ()")
    Tools.go(tools)

    assert {:ok, dump} = Task.await(dumping, 60_000)
    assert dump.rows == %{"public.beds" => 1000}
    assert {:ok, %{count: 2, unit: :transactions}} = Postgres.written_since(database, file, dump)
    assert :ok = Postgres.verify(database, file, dump, scratch: true)
    assert {:ok, %{count: after_verification}} = Postgres.written_since(database, file, dump)
    assert after_verification in 3..6
  end

  test "transactions that were open at the dump are counted as well", context do
    %{config: config, database: database, path: file} = context
    [early, late] = for _transaction <- 1..2, do: begin!(config)
    commit!(early)
    between = begin!(config)
    commit!(late)
    assert {:ok, dump} = Postgres.dump(database, file, %{})
    commit!(between)
    assert {:ok, %{count: 1}} = Postgres.written_since(database, file, dump)

    latest = begin!(config)
    assert {:ok, dump} = Postgres.dump(database, file <> ".later", %{})
    assert {:ok, %{count: 0}} = Postgres.written_since(database, file, dump)
    commit!(latest)
    assert {:ok, %{count: 1}} = Postgres.written_since(database, file, dump)
  end

  describe "a dump that waits for a lock" do
    setup context do
      tools = Tools.hold!(context.tmp_dir, "pg_dump")
      {:ok, token} = Native.cancel_token()
      test = self()
      dumping = spawn(fn -> send(test, {:dumped, Postgres.dump(context.database, context.path, %{cancel: token})}) end)
      Tools.await(tools)
      other = Server.connect!(context.config)
      Port.command(other, "BEGIN; LOCK TABLE beds; SELECT 'locked';\n")
      assert_receive {^other, {:data, "locked\n"}}, 10_000
      Tools.go(tools)
      await_waiting(context.config)
      %{dumping: dumping, token: token}
    end

    test "ends when the server's side of it ends", %{config: config, path: file} do
      Server.query!(config, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
      assert_receive {:dumped, {:error, %Error{code: :server_gone} = error}}, 30_000
      assert error.message =~ "cannot dump #{config[:database]}"
      assert nothing_left?(file)
    end

    test "ends when it is cancelled", %{token: token, config: config, path: file} do
      :ok = Native.cancel(token)
      assert_receive {:dumped, {:error, %Error{code: :cancelled}}}, 30_000
      assert nothing_left?(file)
      await_nobody(config)
    end

    test "ends when nobody waits for it any more", %{dumping: dumping, config: config, path: file} do
      Process.exit(dumping, :kill)
      await_nobody(config)
      refute File.exists?(file)
    end
  end

  test "a restore that is killed leaves the database as it was, and nothing once there is another one", context do
    %{tmp_dir: dir, config: config, database: database, path: file} = context
    {:ok, dump} = Postgres.dump(database, file, %{})
    Server.query!(config, "DELETE FROM beds")
    tools = Tools.hold!(dir, "pg_restore")
    restoring = spawn(fn -> Postgres.restore(database, file, dump, %{}) end)
    Tools.await(tools)
    assert [left] = Enum.filter(Server.databases(), &(&1 =~ "bloom_restored"))

    # Another one at the same time is refused and drops nothing.
    assert {:error, %Error{code: :database_busy}} = Postgres.restore(database, file, dump, %{})
    assert left in Server.databases()

    Process.exit(restoring, :kill)
    Application.delete_env(:bloom, :database_tools_directory)
    assert [["0"]] = Server.query!(config, "SELECT count(*) FROM beds")

    assert {:ok, %{replaced: _name}} = Postgres.restore(database, file, dump, %{})
    assert [["1000"]] = Server.query!(config, "SELECT count(*) FROM beds")
    refute Enum.any?(Server.databases(), &(&1 =~ "bloom_"))
  end

  defp begin!(config) do
    other = Server.connect!(config)
    Port.command(other, "BEGIN; INSERT INTO beds VALUES (0) RETURNING 'open';\n")
    assert_receive {^other, {:data, "open\n"}}, 10_000
    other
  end

  defp commit!(other) do
    Port.command(other, "COMMIT; SELECT 'committed';\n")
    assert_receive {^other, {:data, "committed\n"}}, 10_000
  end

  defp nothing_left?(file), do: not File.exists?(file) and Path.wildcard(file <> "*") == []

  defp await_waiting(config), do: await(config, "wait_event_type = 'Lock'", "t")
  defp await_nobody(config), do: await(config, "application_name = 'bloom'", "f")

  defp await(config, condition, expected) do
    sql = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = '#{config[:database]}' AND #{condition}"
    until(fn -> Server.query!(config, sql) == [[expected]] end)
  end

  defp until(fun, deadline \\ System.monotonic_time(:millisecond) + 30_000) do
    cond do
      answer = fun.() -> answer
      System.monotonic_time(:millisecond) > deadline -> flunk("it did not happen")
      true -> receive(after: (20 -> until(fun, deadline)))
    end
  end
end
