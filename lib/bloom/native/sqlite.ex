defmodule Bloom.Native.SQLite do
  @moduledoc """
  Backup and restore of the application's SQLite databases.

  The application's own driver has a SQLite of its own, and two of them in one process do not see each other's locks. So
  what opens a database in use runs in a VM of its own (`Bloom.Native.Beside`).
  """

  alias Bloom.{Error, Native}
  alias Bloom.Native.Beside

  @typedoc "A dump: `contents` are its bytes without compression, `counts` the rows of each table, `mode` the database's."
  @type dumped :: %{
          bytes: non_neg_integer(),
          sha256: String.t(),
          contents: non_neg_integer(),
          counts: %{optional(String.t()) => non_neg_integer()},
          mode: non_neg_integer()
        }

  @doc "Dumps a database in use into a file, consistent and compressed."
  @spec dump(Path.t(), Path.t(), :zstd | :gzip, Native.watch()) :: {:ok, dumped()} | {:error, Error.t()}
  def dump(database, file, compression, watch) do
    Beside.call(:nif_sqlite_dump, [Path.expand(database), Path.expand(file), compression], watch)
  end

  @doc "Proves that a file is that dump, is sound, and with `counts` (not `nil`) that it has so many rows."
  @spec verify(Path.t(), dumped(), map() | nil, Native.watch()) :: :ok | {:error, Error.t()}
  def verify(file, %{bytes: bytes, sha256: sha256}, counts, watch) do
    watch = %{progress: watch[:progress], cancel: watch[:cancel]}

    case Native.nif_sqlite_verify(Path.expand(file), bytes, sha256, counts, watch) do
      {:ok, :ok} -> :ok
      {:error, error} -> {:error, Error.from_native(error)}
    end
  end

  @doc "How many rows of the database are not as in the dump; tables in `but` are not looked at."
  @spec written_since(Path.t(), Path.t(), [String.t()], Native.watch()) ::
          {:ok, non_neg_integer()} | {:error, Error.t()}
  def written_since(database, file, but, watch) do
    Beside.call(:nif_sqlite_written, [Path.expand(database), Path.expand(file), but], watch)
  end

  @doc """
  Restores a dump into a database in use, in one transaction. What it replaces is kept as the file `keep`; whether there was
  anything to keep.
  """
  @spec restore(Path.t(), Path.t(), non_neg_integer(), Path.t(), Native.watch()) ::
          {:ok, boolean()} | {:error, Error.t()}
  def restore(database, file, mode, keep, watch) do
    Beside.call(:nif_sqlite_restore, [Path.expand(database), Path.expand(file), mode, Path.expand(keep)], watch)
  end
end
