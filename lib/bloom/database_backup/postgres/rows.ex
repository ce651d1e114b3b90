defmodule Bloom.DatabaseBackup.Postgres.Rows do
  @moduledoc "How many rows each table has: what proves that a restored database is the one that was dumped."

  alias Bloom.DatabaseBackup.Postgres.{Client, Connection}
  alias Bloom.{Error, Native}

  # Those whose rows are dumped: partitions but not what is partitioned, and none that extensions bring along. Names are
  # in hex, whatever is in them.
  @statements """
  SELECT format('SELECT encode(convert_to(%L, ''UTF8''), ''hex''), count(*) FROM ONLY %I.%I',
    format('%I.%I', n.nspname, c.relname), n.nspname, c.relname)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence IN ('p', 'u')
    AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
      AND d.objid = c.oid AND d.deptype = 'e')
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_namespace'::regclass
      AND d.objid = n.oid AND d.deptype = 'e')
  ORDER BY 1
  \\gexec
  """

  # As long as `pg_dump` waits.
  @lock_timeout_ms 60_000

  @typedoc "By name, quoted as in SQL (`public.beds`)."
  @type t :: %{String.t() => non_neg_integer()}

  @doc "Counts them, as of an exported snapshot where there is one."
  @spec count(Connection.t(), String.t() | nil, Native.watch()) :: {:ok, t()} | {:error, Error.t()}
  def count(connection, snapshot, watch) do
    import_snapshot = if snapshot, do: "SET TRANSACTION SNAPSHOT #{Client.literal(snapshot)};\n", else: ""

    sql = """
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    #{import_snapshot}SET LOCAL lock_timeout = #{@lock_timeout_ms}; SET LOCAL row_security = off; SET LOCAL search_path = pg_catalog;
    #{@statements}
    COMMIT;
    """

    with {:ok, rows} <- Client.rows(connection, "count the rows of #{connection.database}", sql, watch) do
      {:ok, Map.new(rows, fn [hex, count] -> {Base.decode16!(hex, case: :lower), String.to_integer(count)} end)}
    end
  end

  @doc """
  Whether both are the same, else in words what differs.

      iex> Bloom.DatabaseBackup.Postgres.Rows.compare(%{"public.beds" => 3}, %{"public.beds" => 2})
      {:error, "public.beds has 2 rows instead of 3"}
  """
  @spec compare(t(), t()) :: :ok | {:error, String.t()}
  def compare(expected, found) do
    names = Enum.sort(Map.keys(Map.merge(expected, found)))

    case for(name <- names, expected[name] != found[name], do: differs(name, expected[name], found[name])) do
      [] -> :ok
      differences -> {:error, Enum.join(Enum.take(differences, 5), ", ")}
    end
  end

  defp differs(name, nil, _found), do: "#{name} is there in addition"
  defp differs(name, _expected, nil), do: "#{name} is missing"
  defp differs(name, expected, found), do: "#{name} has #{found} rows instead of #{expected}"
end
