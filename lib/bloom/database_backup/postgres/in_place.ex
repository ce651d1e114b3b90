defmodule Bloom.DatabaseBackup.Postgres.InPlace do
  @moduledoc """
  A restore in one transaction of the live database, for users that may not make databases: it removes what is there, what
  came after the dump included, and restores the dump. It is committed when `pg_restore` has ended well and all rows are
  counted; whatever ends before that, the server takes everything back.

  Others wait for it as long as it takes. Removed are schemas with all that is in them, large objects, publications,
  foreign servers, event triggers, and extensions that the dump does not have.
  """

  alias Bloom.DatabaseBackup.Backend
  alias Bloom.DatabaseBackup.Postgres.{Client, Connection, Tools}
  alias Bloom.{Error, Native}

  # How long it waits for transactions that use what is to be removed.
  @lock_timeout_ms 30_000

  # All statements are collected before the first runs: names of what is gone cannot be asked for.
  @remove """
  DO $bloom$
  DECLARE
    own_schema oid[] := ARRAY(SELECT n.oid FROM pg_namespace n WHERE nspname NOT LIKE 'pg\\_%'
      AND nspname NOT IN ('information_schema', 'public') AND NOT EXISTS (SELECT FROM pg_depend
        WHERE classid = 'pg_namespace'::regclass AND objid = n.oid AND deptype = 'e'));
    extended oid[] := ARRAY(SELECT objid FROM pg_depend WHERE deptype = 'e');
    public oid := to_regnamespace('public');
    removals text[];
    removal text;
  BEGIN
    SELECT array_agg(statement ORDER BY rank) INTO removals FROM (
      SELECT 0 AS rank, format('DROP EVENT TRIGGER IF EXISTS %I CASCADE', evtname) AS statement
      FROM pg_event_trigger WHERE oid <> ALL (extended)
    UNION ALL
      SELECT 1, format('DROP PUBLICATION IF EXISTS %I CASCADE', pubname) FROM pg_publication
    UNION ALL
      SELECT 2, format('DROP EXTENSION IF EXISTS %I CASCADE', extname) FROM pg_extension
      WHERE extname <> ALL (:extensions)
    UNION ALL
      SELECT 3, format('DROP SERVER IF EXISTS %I CASCADE', srvname) FROM pg_foreign_server WHERE oid <> ALL (extended)
    UNION ALL
      SELECT 4, format('DROP SCHEMA IF EXISTS %I CASCADE', nspname) FROM pg_namespace WHERE oid = ANY (own_schema)
    UNION ALL
      SELECT 5, format('DROP %s IF EXISTS public.%I CASCADE', CASE relkind WHEN 'v' THEN 'VIEW'
        WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, relname)
      FROM pg_class WHERE relnamespace = public AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND oid <> ALL (extended)
    UNION ALL
      SELECT 6, format('DROP %s IF EXISTS %s CASCADE', CASE prokind WHEN 'a' THEN 'AGGREGATE' WHEN 'p' THEN 'PROCEDURE'
        ELSE 'FUNCTION' END, oid::regprocedure)
      FROM pg_proc WHERE pronamespace = public AND oid <> ALL (extended)
    UNION ALL
      SELECT 7, format('DROP OPERATOR IF EXISTS %s CASCADE', oid::regoperator)
      FROM pg_operator WHERE oprnamespace = public AND oid <> ALL (extended)
    UNION ALL
      SELECT 8, format('DROP %s IF EXISTS public.%I CASCADE', CASE typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, typname)
      FROM pg_type t WHERE typnamespace = public AND typtype IN ('b', 'c', 'd', 'e', 'r') AND typelem = 0
        AND oid <> ALL (extended) AND (typrelid = 0 OR EXISTS (SELECT FROM pg_class WHERE oid = typrelid AND relkind = 'c'))
    UNION ALL
      SELECT 9, format('DROP TEXT SEARCH CONFIGURATION IF EXISTS public.%I CASCADE', cfgname)
      FROM pg_ts_config WHERE cfgnamespace = public AND oid <> ALL (extended)
    UNION ALL
      SELECT 9, format('DROP TEXT SEARCH DICTIONARY IF EXISTS public.%I CASCADE', dictname)
      FROM pg_ts_dict WHERE dictnamespace = public AND oid <> ALL (extended)
    UNION ALL
      SELECT 9, format('DROP COLLATION IF EXISTS public.%I CASCADE', collname)
      FROM pg_collation WHERE collnamespace = public AND oid <> ALL (extended)
    ) removing;
    FOREACH removal IN ARRAY coalesce(removals, '{}') LOOP EXECUTE removal; END LOOP;
    PERFORM lo_unlink(oid) FROM pg_largeobject_metadata;
  END $bloom$;
  """

  @doc "Restores a dump; nothing is kept of what was there."
  @spec restore(Connection.t(), Tools.t(), Path.t(), Backend.dump(), Native.watch()) ::
          {:ok, %{replaced: nil}} | {:error, Error.t()}
  def restore(connection, tools, file, dump, watch) do
    script = %{
      program: tools.pg_restore,
      # The older ones know no other name for it.
      arguments: ~w(--format=custom --file=/dev/stdout),
      environment: Connection.kept()
    }

    psql = Client.command(tools.psql, Client.arguments(), connection, before: before(dump), after: finally(dump.rows))
    doing = "restore the backup #{file} in place"

    with {:ok, _output} <- Client.run([script, psql], connection, doing, from: file, watch: watch),
         :ok <- Client.execute(connection, "analyze the restored #{connection.database}", "ANALYZE;") do
      {:ok, %{replaced: nil}}
    end
  end

  defp before(dump) do
    extensions = Enum.map_join(dump.extensions, ", ", &Client.literal/1)

    """
    #{Client.settings()}SET client_min_messages = error;
    BEGIN;
    SET LOCAL lock_timeout = #{@lock_timeout_ms};
    SET LOCAL search_path = pg_catalog;
    #{String.replace(@remove, ":extensions", "ARRAY[#{extensions}]::name[]")}
    """
  end

  # Names are quoted already, see `Rows`.
  defp finally(rows) do
    checks =
      for {table, count} <- rows do
        why = Client.literal("#{table} does not have the #{count} rows that were dumped" |> String.replace("%", "%%"))
        "IF (SELECT count(*) FROM ONLY #{table}) <> #{count} THEN RAISE EXCEPTION #{why}; END IF;\n"
      end

    """

    SET LOCAL row_security = off;
    DO $bloom$ BEGIN
    #{checks}END $bloom$;
    COMMIT;
    """
  end
end
