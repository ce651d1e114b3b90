defmodule Bloom.DatabaseBackup.Manifest do
  @moduledoc """
  The file `manifest` in the directory of a backup: what the backup is and what its files are, with a digest of its own.

  Only what the backends know as atoms becomes atoms again. There are no secrets in it: a restore takes the connection
  from the repo of the node that runs then.
  """

  alias Bloom.{DurableFile, Error}
  alias Bloom.DatabaseBackup.Backends

  @name "manifest"
  @magic "bloom backup 1\n"

  @doc "Writes the manifest of a backup into its directory."
  @spec write!(Path.t(), map()) :: :ok
  def write!(directory, info) do
    databases = for database <- info.databases, do: pack(database)
    packed = :erlang.term_to_binary(%{fields(info) | at: DateTime.to_iso8601(info.at), databases: databases})
    DurableFile.write!(Path.join(directory, @name), @magic <> digest(packed) <> "\n" <> packed, 0o600)
  end

  @doc "The backup that lies in a directory."
  @spec read(Path.t()) :: {:ok, map()} | {:error, Error.t()}
  def read(directory) do
    with {:ok, content} <- File.read(Path.join(directory, @name)),
         {:ok, info} <- parse(content),
         {:ok, databases} <- Backends.collect(info.databases, &unpack/1) do
      bytes = databases |> Enum.map(& &1.dump.bytes) |> Enum.sum()
      {:ok, Map.merge(info, %{databases: databases, bytes: bytes, directory: directory})}
    else
      {:error, %Error{} = error} -> {:error, error}
      {:error, reason} when is_atom(reason) -> {:error, unreadable(directory, to_string(:file.format_error(reason)))}
      {:error, why} -> {:error, unreadable(directory, why)}
    end
  end

  defp parse(<<@magic, digest::binary-size(64), ?\n, packed::binary>>) do
    if digest(packed) == digest do
      with {:ok, info} <- term(packed) do
        {:ok, %{info | at: time(info.at)}}
      end
    else
      {:error, "it is damaged"}
    end
  end

  defp parse(_other), do: {:error, "it is damaged, or of another Bloom"}

  defp fields(info), do: Map.take(info, [:id, :version, :at, :databases, :duration_ms, :verified])

  defp pack(database) do
    %{database | backend: inspect(database.backend), dump: :erlang.term_to_binary(database.dump)}
  end

  # The backend is loaded first: its atoms are those that the dump may have.
  defp unpack(%{backend: name, dump: packed} = database) do
    with {:ok, backend} <- Backends.named(name), {:ok, dump} <- term(packed) do
      {:ok, %{database | backend: backend, dump: dump}}
    end
  end

  defp term(packed) do
    {:ok, :erlang.binary_to_term(packed, [:safe])}
  rescue
    ArgumentError -> {:error, "another version of Bloom wrote it"}
  end

  defp time(text) do
    {:ok, time, 0} = DateTime.from_iso8601(text)
    time
  end

  defp digest(packed), do: :sha256 |> :crypto.hash(packed) |> Base.encode16(case: :lower)

  defp unreadable(directory, why) do
    Error.new(:bad_backup, "the backup in #{directory} has no manifest that can be read: #{why}",
      suggestions: ["restore another backup, see Bloom.DatabaseBackup.list_backups/0"]
    )
  end
end
