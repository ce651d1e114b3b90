defmodule Bloom.DatabaseBackup.SQLite do
  @moduledoc """
  Backups of SQLite databases (`Ecto.Adapters.SQLite3`) while they are in use.

  The database is copied page by page with SQLite's online backup, checked, and compressed. Where it has a WAL, as by
  default with Ecto, writers go on meanwhile; without one they wait at most for the end of a copy that they have made
  begin again three times.

  A restore replaces the contents of the database through SQLite, in one transaction: connections that are open see the
  old database until the new one is there as a whole, and what is killed in between, power included, leaves the old one. A
  new file under the database's name would be neither: open connections would write on into the old file, for nobody, and
  its `-wal` would be taken for the new file's. What was replaced is kept beside the database as `NAME.replaced-TIME`,
  the latest only.

  What a restore discards are the rows that were added, changed or removed since the backup, in the columns that both have,
  but those of the table of migrations.
  """

  @behaviour Bloom.DatabaseBackup.Backend

  alias Bloom.{Config, DurableFile, Error, Native, OSProcess}

  @impl true
  def database(repo, config) do
    case path(config[:database]) do
      {:ok, path} ->
        migrations = to_string(config[:migration_source] || "schema_migrations")
        {:ok, %{repo: repo, name: Path.basename(path), connection: %{path: path, migrations: migrations}}}

      {:error, why} ->
        {:error,
         Error.new(:no_such_database, "the database of #{repo} cannot be backed up: #{why}",
           suggestions: ["set `database:` in the repo's configuration to the path of a file"]
         )}
    end
  end

  @impl true
  def estimate(%{connection: %{path: path}}) do
    # Looked at, never opened: that would give up the locks of the application's own connections.
    with {:ok, bytes} <- size(path), {:ok, wal} <- size(path <> "-wal") do
      {:ok, bytes + wal}
    else
      {:error, reason} ->
        {:error,
         Error.new(:no_such_database, "cannot look at the database #{path}: #{:file.format_error(reason)}",
           suggestions: ["check `database:` in the repo's configuration"]
         )}
    end
  end

  @impl true
  def dump(%{connection: %{path: path}} = database, file, watch) do
    # The copy and what it is compressed to are there at once.
    with {:ok, bytes} <- estimate(database), :ok <- enough_space(file, 2 * bytes) do
      Native.SQLite.dump(path, file, Config.get_valid(:database_backup_compression), watch)
    end
  end

  @impl true
  def verify(_database, file, dump, opts) do
    with :ok <- enough_space(file, dump.contents) do
      Native.SQLite.verify(file, dump, if(opts[:scratch], do: dump.counts), opts[:watch] || %{})
    end
  end

  @impl true
  def written_since(%{connection: %{path: path, migrations: migrations}}, file, dump) do
    sweep(file)

    with :ok <- enough_space(file, dump.contents),
         {:ok, count} <- Native.SQLite.written_since(path, file, [migrations], %{}),
         do: {:ok, %{count: count, unit: :rows}}
  end

  @impl true
  def restore(%{connection: %{path: path}}, file, dump, watch) do
    earlier = kept(path)
    sweep(file)
    keep = "#{path}.replaced-#{Calendar.strftime(DateTime.utc_now(), "%Y%m%dT%H%M%S.%fZ")}"

    with :ok <- enough_space(file, dump.contents),
         {:ok, was_there} <- Native.SQLite.restore(path, file, dump.mode, keep, watch) do
      if was_there, do: Enum.each(earlier, &DurableFile.rm!/1)
      {:ok, %{replaced: if(was_there, do: keep)}}
    end
  end

  defp path(nil), do: {:error, "its configuration has no database"}
  defp path("file:" <> uri), do: uri |> String.split("?") |> hd() |> URI.decode() |> path()
  defp path(memory) when memory in ["", ":memory:"], do: {:error, "it is in memory"}
  defp path(path) when is_binary(path), do: {:ok, Path.expand(path)}
  defp path(_other), do: {:error, "its configuration names no file"}

  defp size(path) do
    case File.stat(path) do
      {:ok, %{size: size}} -> {:ok, size}
      {:error, :enoent} -> {:ok, 0}
      {:error, reason} -> {:error, reason}
    end
  end

  defp kept(path), do: for({path, _rest} <- beside(path, ".replaced-"), do: path)

  # What a VM beside the node has decompressed for itself and was killed before it could remove it.
  defp sweep(file) do
    for {path, rest} <- beside(file, "."),
        [_all, pid] <- [Regex.run(~r/\A(\d+)\.raw\z/, rest)],
        not OSProcess.alive?(pid) do
      DurableFile.rm!(path)
    end
  end

  # The files whose name begins with that of another one, with the rest of their names.
  defp beside(file, separator) do
    dir = Path.dirname(file)
    prefix = Path.basename(file) <> separator

    case File.ls(dir) do
      {:ok, names} ->
        for name <- names,
            String.starts_with?(name, prefix),
            do: {Path.join(dir, name), String.replace_prefix(name, prefix, "")}

      {:error, _no_directory} ->
        []
    end
  end

  defp enough_space(file, bytes) do
    with {:ok, %{free: free}} <- Native.disk_space(Path.dirname(file)) do
      if free >= bytes do
        :ok
      else
        {:error,
         Error.new(:not_enough_space, "#{Path.dirname(file)} has #{free} bytes free, and #{bytes} are needed",
           suggestions: ["free some there, or set database_backup_directory elsewhere"]
         )}
      end
    end
  end
end
