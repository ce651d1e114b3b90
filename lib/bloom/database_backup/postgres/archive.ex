defmodule Bloom.DatabaseBackup.Postgres.Archive do
  @moduledoc "The file of a dump: `pg_dump`'s custom format, compressed and digested by Bloom on its way to the disk."

  alias Bloom.DatabaseBackup.Postgres.{Client, Connection, Snapshot, Tools}
  alias Bloom.{Config, Error, Native, Pipeline}

  # A dump that waits for a lock would hold up everybody behind it.
  @lock_wait_ms 60_000

  @doc "Writes the database as of the snapshot; what is answered is on the disk."
  @spec write(Connection.t(), Tools.t(), Snapshot.t(), Path.t(), Native.watch()) ::
          {:ok, Pipeline.written()} | {:error, Error.t()}
  def write(connection, tools, snapshot, file, watch) do
    arguments =
      ~w(--format=custom --compress=0 --no-password --snapshot=#{snapshot.id} --lock-wait-timeout=#{@lock_wait_ms})

    dump = Client.command(tools.pg_dump, arguments, connection)
    to = {file, Config.get_valid(:database_backup_compression)}
    Client.run([dump], connection, "dump #{connection.database}", to: to, expected: snapshot.bytes, watch: watch)
  end

  @doc "Refuses a file that is not as it was written."
  @spec check(Path.t(), %{bytes: non_neg_integer(), sha256: String.t()}) :: :ok | {:error, Error.t()}
  def check(file, %{bytes: bytes, sha256: sha256}) do
    case Native.file_digest(file) do
      {:ok, %{bytes: ^bytes, sha256: ^sha256}} ->
        :ok

      {:ok, %{bytes: ^bytes}} ->
        {:error, damaged(file, "its digest is not the one it was written with")}

      {:ok, %{bytes: other}} ->
        {:error, damaged(file, "it has #{other} bytes instead of #{bytes}")}

      {:error, error} ->
        {:error, if(File.exists?(file), do: error, else: damaged(file, "it is not there"))}
    end
  end

  @doc "How many entries its table of contents has, and how many of them are the rows of a table."
  @spec contents(Tools.t(), Path.t(), Native.watch()) ::
          {:ok, %{entries: non_neg_integer(), tables: non_neg_integer()}} | {:error, Error.t()}
  def contents(tools, file, watch) do
    list = %{program: tools.pg_restore, arguments: ["--list"], environment: Connection.kept()}

    case Pipeline.run([list], from: file, watch: Map.take(watch, [:cancel])) do
      {:ok, %{output: nil, exits: [exit]}} ->
        {:error, damaged(file, "pg_restore cannot read its table of contents: #{String.trim(exit.stderr)}")}

      {:ok, %{output: output}} ->
        entries = for line <- String.split(output, "\n", trim: true), line =~ ~r/^\d+; /, do: line
        {:ok, %{entries: length(entries), tables: Enum.count(entries, &(&1 =~ ~r/^\d+; \d+ \d+ TABLE DATA /))}}

      {:error, error} ->
        {:error, error}
    end
  end

  @doc "A backup that is not what it should be."
  @spec damaged(Path.t(), String.t()) :: Error.t()
  def damaged(file, why) do
    Error.new(:backup_damaged, "the backup #{file} is damaged: #{why}", suggestions: ["use another backup"])
  end
end
