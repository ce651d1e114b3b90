defmodule Bloom.DatabaseBackup.Backend do
  @moduledoc """
  How one kind of database is backed up and restored. `Bloom.DatabaseBackup` decides when, keeps the files, and
  believes in a backup only after `c:verify/4`.

  Own backends are modules with these functions, set with the option `database_backup_backend`.
  """

  alias Bloom.{Error, Native}

  @typedoc """
  A database to be backed up: the repo that it belongs to (`"MyApp.Repo"`), what people call it, and what the backend
  needs to connect. `connection` may hold secrets: it is never logged, printed or written.
  """
  @type database :: %{repo: String.t(), name: String.t(), connection: term()}

  @typedoc """
  What is to be known of a dump to verify and restore it, in another life of the VM and by another version of Bloom:
  plain terms, no secrets. Every backend has `:bytes` and `:sha256` of the file; the rest is its own.
  """
  @type dump :: %{required(:bytes) => non_neg_integer(), required(:sha256) => String.t(), optional(atom()) => term()}

  @typedoc "What a restore would throw away; `:unknown` where the database cannot tell."
  @type written :: %{count: non_neg_integer() | :unknown, unit: :transactions | :rows}

  @doc "The database that a repo's configuration (Ecto's, as `Repo.config/0` answers it) is about."
  @callback database(repo :: String.t(), config :: keyword()) :: {:ok, database()} | {:error, Error.t()}

  @doc "How many bytes the database takes now: the upper bound of what its dump will need."
  @callback estimate(database()) :: {:ok, non_neg_integer()} | {:error, Error.t()}

  @doc "Dumps the database, consistent and while it is in use, into `file`; what is there when it answers is on the disk."
  @callback dump(database(), file :: Path.t(), Native.watch()) :: {:ok, dump()} | {:error, Error.t()}

  @doc """
  Proves that the dump can be restored: its digest, its table of contents, and with `scratch: true` by restoring it into
  a database of its own and comparing how many rows each table has.
  """
  @callback verify(database(), file :: Path.t(), dump(), opts :: [scratch: boolean()]) :: :ok | {:error, Error.t()}

  @doc "How much was written to the database after the dump, and would be thrown away by a restore."
  @callback written_since(database(), file :: Path.t(), dump()) :: {:ok, written()} | {:error, Error.t()}

  @doc """
  Puts the dump in the place of the database, at once or not at all, while others are connected.

  `:replaced` is where the database that was in its place is kept, or `nil` where it could not be.
  """
  @callback restore(database(), file :: Path.t(), dump(), Native.watch()) ::
              {:ok, %{replaced: String.t() | nil}} | {:error, Error.t()}
end
