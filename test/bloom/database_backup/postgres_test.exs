defmodule Bloom.DatabaseBackup.PostgresTest do
  use ExUnit.Case, async: true

  alias Bloom.DatabaseBackup.Postgres
  alias Bloom.DatabaseBackup.Postgres.{Client, Connection, Rows}
  alias Bloom.Test.Postgres, as: Server

  doctest Client
  doctest Connection
  doctest Rows

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
