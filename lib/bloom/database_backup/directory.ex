defmodule Bloom.DatabaseBackup.Directory do
  @moduledoc """
  The directory of the backups: one directory a backup, `VERSION-TIME`.

  A backup is made under another name and renamed when all of it is on the disk, and renamed before it is removed; so
  what has its own name is whole. What was interrupted is swept before the next one is made.
  """

  require Logger

  alias Bloom.{Config, DurableFile, Error, ErrorInterpreter, OSProcess, Root}
  alias Bloom.DatabaseBackup.{Locks, Manifest}

  @making ".making-"
  @removing ".removing-"
  # The oldest that a backup in the making can be, where its maker cannot be asked.
  @abandoned_s 24 * 60 * 60

  @doc "Where the backups are."
  @spec path() :: {:ok, Path.t()} | {:error, Error.t()}
  def path do
    root = Config.get(:app_root) || if(Root.release?(), do: Root.path())

    cond do
      directory = Config.get(:database_backup_directory) ->
        {:ok, Path.expand(directory)}

      root ->
        {:ok, Path.expand("backups", root)}

      true ->
        {:error,
         Error.new(:no_backup_directory, "there is no place for backups: this node does not run a release",
           suggestions: ["set database_backup_directory"]
         )}
    end
  end

  @doc "An id that no backup has: the version, and the time in UTC to the microsecond."
  @spec id(String.t(), DateTime.t()) :: String.t()
  def id(version, at), do: "#{version}-#{Calendar.strftime(at, "%Y%m%dT%H%M%S.%fZ")}"

  @doc "Makes the directory in which a backup is made."
  @spec make(Path.t(), String.t()) :: {:ok, Path.t()} | {:error, Error.t()}
  def make(path, id) do
    guarded(path, fn ->
      if not File.dir?(path) do
        File.mkdir_p!(path)
        File.chmod!(path, 0o700)
      end

      sweep(path)
      making = Path.join(path, "#{@making}#{id}@#{host()}@#{System.pid()}")
      File.mkdir!(making)
      File.chmod!(making, 0o700)
      {:ok, making}
    end)
  end

  @doc "Makes a backup count: from here on it is listed."
  @spec publish(Path.t(), map()) :: {:ok, map()} | {:error, Error.t()}
  def publish(making, info) do
    guarded(info.directory, fn ->
      Manifest.write!(making, info)
      for database <- info.databases, do: File.chmod!(Path.join(making, database.file), 0o600)
      DurableFile.sync_directory!(making)
      DurableFile.rename!(making, info.directory)
      {:ok, info}
    end)
  end

  @doc "The backups, newest first, and why others that lie there cannot be read."
  @spec list(Path.t()) :: {:ok, {[map()], [Error.t()]}} | {:error, Error.t()}
  def list(path) do
    guarded(path, fn ->
      read = for name <- names(path), File.dir?(Path.join(path, name)), do: Manifest.read(Path.join(path, name))
      backups = for {:ok, info} <- read, do: info
      {:ok, {Enum.sort_by(backups, & &1.at, {:desc, DateTime}), for({:error, error} <- read, do: error)}}
    end)
  end

  @doc "Removes a backup."
  @spec remove(map()) :: :ok | {:error, Error.t()}
  def remove(%{id: id, directory: directory}) do
    Locks.hold([{:backup, id}], fn ->
      guarded(directory, fn ->
        removing = Path.join(Path.dirname(directory), "#{@removing}#{id}")
        DurableFile.rename!(directory, removing)
        discard(removing)
      end)
    end)
  end

  @doc "Removes what was being made."
  @spec discard(Path.t()) :: :ok | {:error, Error.t()}
  def discard(directory) do
    guarded(directory, fn ->
      File.rm_rf!(directory)
      :ok
    end)
  end

  # Several nodes may share the directory: what another one is making is left alone.
  defp sweep(path) do
    for name <- File.ls!(path), leftover?(path, name) do
      Logger.info("Bloom: removes #{name}, left by a backup that was interrupted, from #{path}")
      File.rm_rf!(Path.join(path, name))
    end
  end

  defp leftover?(_path, @removing <> _id), do: true

  defp leftover?(path, @making <> rest = name) do
    own = [host(), System.pid()]
    host = host()

    case String.split(rest, "@") do
      [id | ^own] -> Locks.free?({:backup, id})
      [_id, ^host, pid] -> not OSProcess.alive?(pid)
      _elsewhere -> age_s(Path.join(path, name)) > @abandoned_s
    end
  end

  defp leftover?(_path, _name), do: false

  defp age_s(path), do: System.os_time(:second) - File.stat!(path, time: :posix).mtime

  defp host do
    {:ok, host} = :inet.gethostname()
    String.replace(to_string(host), ~r/[^0-9A-Za-z.-]/, "_")
  end

  defp names(path) do
    case File.ls(path) do
      {:ok, names} -> Enum.reject(names, &String.starts_with?(&1, "."))
      {:error, :enoent} -> []
      {:error, reason} -> raise File.Error, reason: reason, action: "list directory", path: path
    end
  end

  defp guarded(path, fun) do
    fun.()
  rescue
    exception in [File.Error, File.RenameError] ->
      {:error, error(Exception.message(exception), exception.reason)}

    exception in MatchError ->
      {:error, error("could not write #{path}: #{ErrorInterpreter.interpret(exception).message}", :eio)}
  end

  defp error(message, :enospc), do: Error.new(:disk_full, message, suggestions: ["free some space there and try again"])

  defp error(message, _reason) do
    Error.new(:backup_directory, message,
      suggestions: ["give the user that runs the node the right to write there, or set database_backup_directory"]
    )
  end
end
