defmodule Bloom.DatabaseBackup.PostgresTest do
  use ExUnit.Case, async: true

  alias Bloom.DatabaseBackup.Postgres
  alias Bloom.DatabaseBackup.Postgres.{Client, Connection, Failure, Rows, Swap}
  alias Bloom.Error
  alias Bloom.Test.Postgres, as: Server

  @moduletag timeout: 180_000

  doctest Client
  doctest Rows
  doctest Swap

  @moduletag :tmp_dir

  describe "a dump" do
    test "is of one moment and can be verified", %{tmp_dir: dir} do
      {database, config, file} = garden!(dir)

      assert {:ok, dump} = Postgres.dump(database, file, %{})
      assert dump.rows == %{"public.beds" => 1000, ~s("odd ""schema"."odd	table") => 2}
      assert dump.bytes == File.stat!(file).size
      assert :ok = Postgres.verify(database, file, dump, scratch: false)
      assert :ok = Postgres.verify(database, file, dump, scratch: true)
      refute Enum.any?(Server.databases(), &(&1 =~ "bloom_"))
      Server.query!(config, "SELECT 1")
    end
  end

  describe "a restore" do
    test "puts a fresh database in the place of the old one, while others are connected", %{tmp_dir: dir} do
      {database, config, file} = garden!(dir)
      {:ok, dump} = Postgres.dump(database, file, %{})
      spoil!(config)
      user = Server.connect!(config)

      assert {:ok, %{replaced: replaced}} = Postgres.restore(database, file, dump, %{})
      Port.command(user, "SELECT 1;\n")
      assert_receive {^user, {:exit_status, 2}}, 10_000
      assert [["1000"]] = Server.query!(config, "SELECT count(*) FROM beds")
      assert [] = Server.query!(config, "SELECT FROM pg_tables WHERE tablename = 'weeds'")
      assert [["0"]] = Server.query!(Keyword.put(config, :database, replaced), "SELECT count(*) FROM beds")

      assert {:ok, %{replaced: newer}} = Postgres.restore(database, file, dump, %{})
      assert newer in Server.databases()
      refute replaced in Server.databases()
      refute Enum.any?(Server.databases(), &(&1 =~ "bloom_"))
    end

    test "is one transaction where no database can be made", %{tmp_dir: dir} do
      {database, config, file} = garden!(dir, owner: Server.role!())
      {:ok, dump} = Postgres.dump(database, file, %{})
      spoil!(config)

      assert {:ok, %{replaced: nil}} = Postgres.restore(database, file, dump, %{})
      assert [["1000"]] = Server.query!(config, "SELECT count(*) FROM beds")
      assert [] = Server.query!(config, "SELECT FROM pg_tables WHERE tablename = 'weeds'")
    end
  end

  describe "what is carried over" do
    test "are owner, settings, privileges, limit and comment, whatever the database is called", %{tmp_dir: dir} do
      name = ~s(gärten "of" O'Hara ) <> String.duplicate("x", 63 - byte_size(~s(gärten "of" O'Hara )))
      role = Server.role!(with: "CREATEDB")
      {database, config, file} = garden!(dir, name: name, owner: role, with: "LC_COLLATE 'C' TEMPLATE template0")
      sql = ~s("#{String.replace(name, ~s("), ~s(""))}")

      Server.query!(Server.config("postgres"), """
      ALTER DATABASE #{sql} SET search_path = "$user", public, pg_catalog;
      ALTER DATABASE #{sql} SET application_name = 'it''s, "so"';
      ALTER ROLE #{role} IN DATABASE #{sql} SET work_mem = '5MB';
      REVOKE ALL ON DATABASE #{sql} FROM PUBLIC;
      GRANT CONNECT ON DATABASE #{sql} TO pg_monitor WITH GRANT OPTION;
      ALTER DATABASE #{sql} CONNECTION LIMIT 7;
      COMMENT ON DATABASE #{sql} IS 'roses, "and" so on';
      """)

      before = properties(name)
      {:ok, dump} = Postgres.dump(database, file, %{})
      assert {:ok, %{replaced: replaced}} = Postgres.restore(database, file, dump, %{})
      assert byte_size(replaced) <= 63
      assert properties(name) == before
      assert [["1000"]] = Server.query!(config, "SELECT count(*) FROM public.beds")
      assert [["5MB"]] = Server.query!(config, "SHOW work_mem")
      Server.query!(Server.config("postgres"), ~s(DROP DATABASE "#{String.replace(replaced, ~s("), ~s(""))}"))
    end
  end

  describe "a damaged dump" do
    test "is refused before anything is touched", %{tmp_dir: dir} do
      {database, config, file} = garden!(dir)
      {:ok, dump} = Postgres.dump(database, file, %{})
      whole = File.read!(file)
      Server.query!(config, "DELETE FROM beds WHERE id > 10")
      databases = Enum.filter(Server.databases(), &(&1 =~ config[:database]))

      for broken <- [flip(whole), binary_part(whole, 0, byte_size(whole) - 1), "", whole <> "x"] do
        File.write!(file, broken)
        assert {:error, %Error{code: :backup_damaged}} = Postgres.verify(database, file, dump, scratch: false)
        assert {:error, %Error{code: :backup_damaged}} = Postgres.restore(database, file, dump, %{})
      end

      File.rm!(file)
      assert {:error, %Error{code: :backup_damaged}} = Postgres.restore(database, file, dump, %{})
      assert [["10"]] = Server.query!(config, "SELECT count(*) FROM beds")
      assert Enum.filter(Server.databases(), &(&1 =~ config[:database])) == databases
    end

    test "whose digest fits is found by restoring it, in either way", %{tmp_dir: dir} do
      {database, config, file} = garden!(dir, owner: Server.role!())
      {:ok, dump} = Postgres.dump(database, file, %{})
      fewer = put_in(dump.rows["public.beds"], 999)

      assert {:error, %Error{code: :backup_damaged} = error} =
               Postgres.verify(as_superuser(database), file, fewer, scratch: true)

      assert error.message =~ "public.beds has 1000 rows instead of 999"

      spoil!(config)
      assert {:error, %Error{code: :backup_damaged}} = Postgres.restore(as_superuser(database), file, fewer, %{})
      assert {:error, %Error{message: message}} = Postgres.restore(database, file, fewer, %{})
      assert message =~ "public.beds does not have the 999 rows that were dumped"
      assert [["1"]] = Server.query!(config, "SELECT count(*) FROM weeds")
    end
  end

  describe "a role that may not make databases" do
    test "cannot verify by restoring", %{tmp_dir: dir} do
      {database, _config, file} = garden!(dir, owner: Server.role!())
      {:ok, dump} = Postgres.dump(database, file, %{})
      assert {:error, %Error{code: :not_permitted}} = Postgres.verify(database, file, dump, scratch: true)
      assert :ok = Postgres.verify(database, file, dump, scratch: false)
    end

    test "restores all kinds of things in one transaction", %{tmp_dir: dir} do
      role = Server.role!()
      {database, config, file} = garden!(dir, owner: role)

      things = """
      CREATE TYPE colour AS ENUM ('red', 'white');
      CREATE DOMAIN height AS int CHECK (value > 0);
      CREATE FUNCTION grow(h height) RETURNS height LANGUAGE sql AS 'SELECT h + 1';
      CREATE PROCEDURE water() LANGUAGE sql AS 'SELECT 1';
      CREATE AGGREGATE tallest(height) (sfunc = int4larger, stype = int);
      CREATE TABLE roses (id int REFERENCES beds, colour colour DEFAULT 'red', h height) PARTITION BY RANGE (id);
      CREATE TABLE roses_1 PARTITION OF roses FOR VALUES FROM (1) TO (100);
      CREATE VIEW red AS SELECT * FROM roses WHERE colour = 'red';
      CREATE MATERIALIZED VIEW all_red AS SELECT * FROM red;
      INSERT INTO roses VALUES (1, 'red', 3), (2, 'white', 4);
      SELECT lo_from_bytea(0, 'a seed');
      CREATE PUBLICATION news FOR TABLE beds;
      """

      Server.query!(config, "SET default_table_access_method = heap; " <> things)
      {:ok, dump} = Postgres.dump(database, file, %{})

      Server.query!(config, """
      DROP MATERIALIZED VIEW all_red;
      CREATE SCHEMA later; CREATE TABLE later.weeds ();
      CREATE FUNCTION rot() RETURNS int LANGUAGE sql AS 'SELECT 0';
      CREATE TYPE bug AS (legs int);
      DELETE FROM roses;
      """)

      assert {:ok, %{replaced: nil}} = Postgres.restore(database, file, dump, %{})
      assert [["2"]] = Server.query!(config, "SELECT count(*) FROM roses")
      assert [["1"]] = Server.query!(config, "SELECT count(*) FROM all_red")

      assert [["a seed"]] =
               Server.query!(config, "SELECT convert_from(lo_get(oid), 'UTF8') FROM pg_largeobject_metadata")

      assert [] = Server.query!(config, "SELECT 1 FROM pg_namespace WHERE nspname = 'later'")

      assert [] =
               Server.query!(
                 config,
                 "SELECT 1 FROM pg_proc WHERE proname = 'rot' UNION SELECT 1 FROM pg_type WHERE typname = 'bug'"
               )
    end
  end

  describe "a server that refuses" do
    test "is told apart", %{tmp_dir: dir} do
      config = Server.database!()
      role = Server.role!()
      Server.query!(config, "CREATE TABLE beds ()")

      for {changes, code} <- [
            {[database: "no such garden"], :no_such_database},
            {[username: "nobody_here"], :access_refused},
            {[socket_dir: "/no/such/directory"], :server_unreachable},
            {[socket_dir: nil, hostname: "localhost", port: 1], :server_unreachable},
            {[username: role], :not_permitted}
          ] do
        {:ok, database} = Postgres.database("Garden.Repo", Keyword.merge(config, changes))
        assert {:error, %Error{code: ^code} = error} = Postgres.dump(database, Path.join(dir, "dump"), %{})
        assert error.suggestions != []
      end

      assert File.ls!(dir) == []
    end

    test "is told apart by what is said" do
      {:ok, connection} = Connection.new(database: "garden", password: "hush")

      for {said, code} <- [
            {"pg_dump: error: Dumping failed: could not extend file: No space left on device", :server_disk_full},
            {"pg_dump: error: aborting because of server version mismatch", :tools_too_old},
            {"psql: error: FATAL:  sorry, too many clients already", :too_many_connections},
            {"ERROR:  55006: database \"garden\" is being accessed by other users", :database_in_use},
            {"ERROR:  55P03: canceling statement due to lock timeout", :lock_timeout},
            {"anything with hush in it", :database_failed}
          ] do
        exit = %{program: "pg_dump", status: 1, signal: nil, stderr: said}
        assert %Error{code: ^code, message: message} = Failure.error([exit], connection, "dump garden")
        assert message =~ "cannot dump garden: pg_dump: "
        refute message =~ "hush"
      end
    end
  end

  defp as_superuser(database), do: put_in(database.connection.user, "postgres")

  defp flip(bytes) do
    half = div(byte_size(bytes), 2)
    <<head::binary-size(half), byte, tail::binary>> = bytes
    <<head::binary, Bitwise.bxor(byte, 1), tail::binary>>
  end

  defp properties(name) do
    Server.query!(Server.config("postgres"), """
    SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype, datconnlimit,
      shobj_description(oid, 'pg_database'),
      (SELECT array_agg(a::text ORDER BY a::text) FROM aclexplode(datacl) a WHERE grantee <> datdba),
      (SELECT array_agg(setrole || setconfig::text ORDER BY setrole) FROM pg_db_role_setting WHERE setdatabase = oid)
    FROM pg_database WHERE datname = '#{String.replace(name, "'", "''")}'
    """)
  end

  defp spoil!(config) do
    Server.query!(config, """
    CREATE TABLE weeds (id int);
    INSERT INTO weeds VALUES (1);
    DELETE FROM beds;
    ALTER TABLE beds ADD COLUMN rain int;
    """)
  end

  defp garden!(dir, opts \\ []) do
    config = Server.database!(opts)

    Server.query!(config, """
    CREATE TABLE beds (id serial PRIMARY KEY, plant text NOT NULL);
    INSERT INTO beds (plant) SELECT 'rose ' || n FROM generate_series(1, 1000) n;
    CREATE SCHEMA "odd ""schema";
    CREATE TABLE "odd ""schema"."odd	table" (a int);
    INSERT INTO "odd ""schema"."odd	table" VALUES (1), (2);
    """)

    {:ok, database} = Postgres.database("Garden.Repo", config)
    {database, config, Path.join(dir, "garden.dump")}
  end
end
