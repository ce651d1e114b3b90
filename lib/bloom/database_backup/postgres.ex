defmodule Bloom.DatabaseBackup.Postgres do
  @moduledoc """
  Backups of PostgreSQL databases with PostgreSQL's own programs.

  `pg_dump` writes the database as of one moment, `pg_restore` puts it into a fresh database, which takes the place of the
  old one at once when its rows are counted. The programs are found by `database_tools_directory`; they must not be
  older than the server. Nothing else is needed: no Postgrex, no shell.

  The password is in the environment of these programs and nowhere else.

  ## Rights

  The repo's user must be able to read all tables. With `CREATEDB` and as the owner of the database it also can verify a
  backup by restoring it, and restore without a moment in which the database is not whole. Without, a restore
  replaces what is in the database in one transaction, for which it must own what is there.
  """

  @behaviour Bloom.DatabaseBackup.Backend

  require Logger

  alias Bloom.DatabaseBackup.Postgres.{Archive, Client, Connection, InPlace, Rows, Scratch, Snapshot, Swap, Tools}
  alias Bloom.Error

  @impl true
  def database(repo, config) do
    with {:ok, connection} <- Connection.new(config) do
      {:ok, %{repo: repo, name: connection.database, connection: connection}}
    end
  end

  @impl true
  def estimate(%{connection: connection}) do
    sql = "SELECT pg_database_size(current_database());"

    with {:ok, [[bytes]]} <- Client.rows(connection, "ask for the size of #{connection.database}", sql) do
      {:ok, String.to_integer(bytes)}
    end
  end

  @impl true
  def dump(%{connection: connection}, file, watch) do
    Snapshot.hold(connection, fn snapshot ->
      with {:ok, tools} <- Tools.find(snapshot.server),
           # Beside the dump, which leaves the server time for it.
           counting = Task.async(fn -> Rows.count(connection, snapshot.id, watch) end),
           {written, counted} =
             {Archive.write(connection, tools, snapshot, file, watch), Task.await(counting, :infinity)},
           {:ok, written} <- written,
           {:ok, rows} <- counted,
           {:ok, contents} <- Archive.contents(tools, file, watch),
           :ok <- complete(file, contents, rows) do
        moment = Map.take(snapshot, [:server, :system, :xmax, :open, :extensions])
        {:ok, written |> Map.merge(contents) |> Map.merge(moment) |> Map.put(:rows, rows)}
      end
    end)
  end

  @impl true
  def verify(%{connection: connection}, file, dump, opts) do
    watch = opts[:watch] || %{}

    with {:ok, tools} <- readable(file, dump, watch) do
      if opts[:scratch], do: Scratch.verify(connection, tools, file, dump, watch), else: :ok
    end
  end

  @doc """
  How many transactions with an id have ended since the dump: an upper bound of what a restore discards, as ids are given
  out for all databases of the server, and a few to Bloom itself when it verifies the backup.
  """
  @impl true
  def written_since(%{connection: connection}, _file, dump) do
    with {:ok, count} <- Snapshot.since(connection, dump), do: {:ok, %{count: count, unit: :transactions}}
  end

  @doc """
  Restores into a fresh database that then takes the old one's name; the old one is kept as `:replaced` until the next
  restore. Where that is not permitted, what is in the database is replaced in one transaction.
  """
  @impl true
  def restore(%{connection: connection}, file, dump, watch) do
    with {:ok, tools} <- readable(file, dump, watch) do
      case Swap.restore(connection, tools, file, dump, watch) do
        {:error, %Error{code: :not_permitted} = error} ->
          Logger.info(
            "Bloom: #{connection.database} is restored in place, as no other way is permitted: #{error.message}"
          )

          InPlace.restore(connection, tools, file, dump, watch)

        answer ->
          answer
      end
    end
  end

  # The programs must be able to read what theirs wrote then, and to talk to the server of today.
  defp readable(file, dump, watch) do
    with :ok <- Archive.check(file, dump),
         {:ok, tools} <- Tools.find(dump.server),
         {:ok, contents} <- Archive.contents(tools, file, watch) do
      if contents == Map.take(dump, [:entries, :tables]),
        do: {:ok, tools},
        else: {:error, Archive.damaged(file, "its table of contents is not the one it was written with")}
    end
  end

  # Extensions may have rows of their own in the dump.
  defp complete(file, %{tables: tables}, rows) do
    if tables >= map_size(rows),
      do: :ok,
      else: {:error, Archive.damaged(file, "it has the rows of #{tables} tables instead of #{map_size(rows)}")}
  end
end
