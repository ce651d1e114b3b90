defmodule Bloom.DatabaseBackup.Postgres.Properties do
  @moduledoc "What belongs to a database but is not in its dump: settings, privileges, limit of connections, comment."

  alias Bloom.DatabaseBackup.Postgres.{Client, Connection}
  alias Bloom.Error

  # Their values are lists, kept as they are written.
  @lists ~w(local_preload_libraries search_path session_preload_libraries shared_preload_libraries temp_tablespaces
            unix_socket_directories)

  @doc "Gives one database the properties of another."
  @spec carry_over(Connection.t(), String.t(), String.t()) :: :ok | {:error, Error.t()}
  def carry_over(manage, from, to) do
    {to, from} = {Client.literal(to), "WHERE datname = #{Client.literal(from)}"}
    lists = Enum.map_join(@lists, ", ", &Client.literal/1)

    sql = """
    SELECT CASE setrole WHEN 0 THEN format('ALTER DATABASE %I', #{to})
        ELSE format('ALTER ROLE %I IN DATABASE %I', pg_get_userbyid(setrole), #{to}) END
      || format(' SET %I TO ', name)
      || CASE WHEN name IN (#{lists}) AND value <> '' THEN value ELSE quote_literal(value) END
    FROM pg_database d JOIN pg_db_role_setting s ON s.setdatabase = d.oid, unnest(setconfig) setting,
      LATERAL (SELECT split_part(setting, '=', 1) AS name, substr(setting, strpos(setting, '=') + 1) AS value) parts
    #{from} \\gexec
    SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', #{to}) FROM pg_database #{from} AND datacl IS NOT NULL \\gexec
    SELECT format('GRANT %s ON DATABASE %I TO %s', privilege_type, #{to},
        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
      || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
    FROM pg_database, aclexplode(datacl) #{from} \\gexec
    SELECT format('ALTER DATABASE %I CONNECTION LIMIT %s', #{to}, datconnlimit) FROM pg_database #{from} \\gexec
    SELECT format('COMMENT ON DATABASE %I IS %L', #{to}, shobj_description(oid, 'pg_database'))
    FROM pg_database #{from} AND shobj_description(oid, 'pg_database') IS NOT NULL \\gexec
    """

    Client.execute(manage, "give the restored database the settings of the old one", sql)
  end
end
