defmodule Bloom.DatabaseBackup.Postgres.Swap do
  @moduledoc """
  A restore into a fresh database that takes the place of the old one in one transaction.

  The database of the repo is reachable under its name all the time, whatever ends when. Until the two names are
  changed, nothing has touched it; a run that is killed leaves the fresh one, which the next run drops. `ALTER DATABASE
  ... RENAME` locks out new connections and waits five seconds for the last one to end; those that are there are ended
  meanwhile, from another session. The two renamings become visible together or not at all. Whoever waited to connect
  is told that the database was renamed, and finds the restored one when it tries again.
  """

  require Logger

  alias Bloom.DatabaseBackup.Backend
  alias Bloom.DatabaseBackup.Postgres.{Client, Connection, Fresh, Properties, Tools}
  alias Bloom.{Error, Native}

  @name_bytes 63
  @mark "_replaced_"
  # The mark, the time with its microseconds, and for a name that is cut an underscore and eight digits of its digest.
  @base_bytes @name_bytes - 10 - 21
  @comment "Kept by Bloom, which drops it after its next restore of"

  @doc "Restores a dump; an error `:not_permitted` means that the repo's user may not do it in this way."
  @spec restore(Connection.t(), Tools.t(), Path.t(), Backend.dump(), Native.watch()) ::
          {:ok, %{replaced: String.t()}} | {:error, Error.t()}
  def restore(connection, tools, file, dump, watch) do
    Fresh.exclusively(connection, fn manage ->
      name = Fresh.name(connection, "restored")

      with :ok <- permitted(manage, connection),
           :ok <- Fresh.create(manage, connection, name, owned: true) do
        replaced = replaced_name(connection.database, DateTime.utc_now())

        with {:error, error} <- fill_and_swap(manage, connection, {name, replaced}, tools, file, dump, watch) do
          # What it says is why; what stays is dropped by the next run.
          with {:error, left} <- Fresh.drop(manage, name), do: Logger.warning("Bloom: #{left.message}")
          {:error, error}
        end
      end
    end)
  end

  @doc """
  The name under which the old database is kept.

      iex> Bloom.DatabaseBackup.Postgres.Swap.replaced_name("garden", ~U[2026-03-01 12:00:00.000001Z])
      "garden_replaced_20260301T120000000001"
      iex> long = String.duplicate("ä", 31)
      iex> byte_size(Bloom.DatabaseBackup.Postgres.Swap.replaced_name(long, ~U[2026-03-01 12:00:00.000001Z]))
      62
  """
  @spec replaced_name(String.t(), DateTime.t()) :: String.t()
  def replaced_name(database, time), do: base(database) <> @mark <> Calendar.strftime(time, "%Y%m%dT%H%M%S%f")

  defp base(database) when byte_size(database) <= @base_bytes, do: database

  defp base(database) do
    digest = :crypto.hash(:sha256, database) |> Base.encode16(case: :lower) |> binary_part(0, 8)
    cut(database, @base_bytes - 9) <> "_" <> digest
  end

  defp cut(text, bytes) do
    part = binary_part(text, 0, bytes)
    if String.valid?(part), do: part, else: cut(text, bytes - 1)
  end

  defp permitted(manage, %{database: database}) do
    sql = """
    SELECT (rolsuper OR rolcreatedb) AND pg_has_role(current_user, datdba, 'USAGE')
    FROM pg_roles, pg_database WHERE rolname = current_user AND datname = #{Client.literal(database)};
    """

    with {:ok, [[permitted]]} <- Client.rows(manage, "see what is permitted", sql) do
      if permitted == "t",
        do: :ok,
        else: {:error, not_permitted(database)}
    end
  end

  defp not_permitted(database) do
    Error.new(:not_permitted, "the repo's user may not make databases, or does not own #{database}",
      suggestions: ["ALTER ROLE … CREATEDB, and have the user own the database"]
    )
  end

  defp fill_and_swap(manage, connection, {name, replaced}, tools, file, dump, watch) do
    fresh = Connection.to(connection, name)

    with :ok <- Fresh.fill(fresh, tools, file, dump, watch: watch),
         # Without its statistics the server would plan badly at first.
         :ok <- Client.execute(fresh, "analyze the restored #{connection.database}", "ANALYZE;", watch),
         :ok <- Properties.carry_over(manage, connection.database, name),
         :ok <- swap(manage, connection.database, name, replaced) do
      drop_older(manage, connection.database, replaced)
      {:ok, %{replaced: replaced}}
    end
  end

  defp swap(manage, live, fresh, replaced) do
    sql = """
    BEGIN;
    ALTER DATABASE #{Client.name(live)} RENAME TO #{Client.name(replaced)};
    ALTER DATABASE #{Client.name(fresh)} RENAME TO #{Client.name(live)};
    COMMENT ON DATABASE #{Client.name(replaced)} IS #{Client.literal(@comment <> " " <> live)};
    COMMIT;
    """

    renaming = Task.async(fn -> Client.execute(manage, "put the restored #{live} in place", sql) end)

    case disconnect_until_done(renaming, manage, live) do
      {:ok, _disconnected} -> :ok
      {{:error, _lost}, _disconnected} = failed -> failed |> reason() |> unless_swapped(manage, replaced)
    end
  end

  defp disconnect_until_done(renaming, manage, live) do
    sql = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = #{Client.literal(live)} AND backend_type = 'client backend' AND EXISTS (
      SELECT FROM pg_locks l JOIN pg_database d ON l.classid = 'pg_database'::regclass AND l.objid = d.oid
      WHERE d.datname = #{Client.literal(live)} AND l.mode = 'AccessExclusiveLock' AND l.granted);
    """

    disconnected = Client.execute(manage, "disconnect the users of #{live}", sql)

    case Task.yield(renaming, 0) do
      {:ok, renamed} -> {renamed, disconnected}
      nil -> disconnect_until_done(renaming, manage, live)
    end
  end

  # Who could not be disconnected is why it could not be renamed.
  defp reason({{:error, %Error{code: :database_in_use}}, {:error, error}}), do: {:error, error}
  defp reason({{:error, error}, _disconnected}), do: {:error, error}

  # A connection that is lost at the end says nothing about what was committed.
  defp unless_swapped(error, manage, replaced) do
    sql = "SELECT count(*) FROM pg_database WHERE datname = #{Client.literal(replaced)};"

    case Client.rows(manage, "see whether it is in place", sql) do
      {:ok, [["1"]]} -> :ok
      _not_there -> error
    end
  end

  # Only what bears the comment of this database, whatever else has such a name.
  defp drop_older(manage, live, replaced) do
    sql = """
    SELECT datname FROM pg_database WHERE datname <> #{Client.literal(replaced)}
      AND shobj_description(oid, 'pg_database') = #{Client.literal(@comment <> " " <> live)};
    """

    with {:ok, rows} <- Client.rows(manage, "look for older databases", sql) do
      Enum.reduce_while(rows, :ok, fn [name], :ok ->
        case Fresh.drop(manage, name) do
          :ok -> {:cont, :ok}
          error -> {:halt, error}
        end
      end)
    end
    |> case do
      :ok -> :ok
      {:error, error} -> Logger.warning("Bloom: a database that was replaced earlier is kept: #{error.message}")
    end
  end
end
