defmodule Bloom.DatabaseBackup.Postgres.ConnectionTest do
  use ExUnit.Case, async: true

  alias Bloom.DatabaseBackup.Postgres.Connection
  alias Bloom.Error

  doctest Connection

  test "is the repo's configuration with Postgrex's defaults, in variables of PostgreSQL's programs" do
    for {config, expected} <- [
          {[hostname: "db", port: 6543, username: "me", password: "x"],
           %{"PGHOST" => "db", "PGPORT" => "6543", "PGUSER" => "me", "PGPASSWORD" => "x", "PGSSLMODE" => "disable"}},
          {[socket_dir: "/run/postgresql", hostname: "db"], %{"PGHOST" => "/run/postgresql", "PGPORT" => "5432"}},
          {[socket: "/tmp/.s.PGSQL.5433"], %{"PGHOST" => "/tmp", "PGPORT" => "5433"}},
          {[endpoints: [{"a", 1}, {"b", 2}]], %{"PGHOST" => "a,b", "PGPORT" => "1,2"}},
          {[ssl: true], %{"PGSSLMODE" => "require", "PGSSLROOTCERT" => nil}},
          {[
             ssl: true,
             ssl_opts: [verify: :verify_peer, cacertfile: "/ca.pem", certfile: ~c"/me.pem", keyfile: "/me.key"]
           ],
           %{
             "PGSSLMODE" => "verify-full",
             "PGSSLROOTCERT" => "/ca.pem",
             "PGSSLCERT" => "/me.pem",
             "PGSSLKEY" => "/me.key"
           }},
          {[ssl: [verify: :verify_peer, cacertfile: "/ca.pem", server_name_indication: :disable]],
           %{"PGSSLMODE" => "verify-ca"}},
          {[url: "ecto://me:p%40ss@db/other?ssl=true"],
           %{"PGUSER" => "me", "PGPASSWORD" => "p@ss", "PGSSLMODE" => "require", "PGDATABASE" => "garden"}}
        ] do
      {:ok, connection} = Connection.new([database: "garden"] ++ config)
      environment = Map.new(Connection.environment(connection))

      assert Map.merge(Map.take(environment, Map.keys(expected)), Map.filter(expected, &(elem(&1, 1) == nil))) ==
               expected

      refute environment["PGSSLROOTCERT"] && environment["PGSSLMODE"] == "require"
      refute inspect(connection) =~ "ss"
    end

    assert {:error, %Error{code: :no_database}} = Connection.new(hostname: "db")
  end
end
