defmodule Bloom.DatabaseBackup.Postgres.Fresh do
  @moduledoc """
  Databases that Bloom makes beside the one of the repo, to restore a dump into.

  Their names follow from the repo's database, and only one run at a time works on them: it holds an advisory lock. So
  whatever has such a name when a run begins was left by one that was killed, and is dropped.
  """

  alias Bloom.DatabaseBackup.Backend
  alias Bloom.DatabaseBackup.Postgres.{Archive, Client, Connection, Rows, Session, Tools}
  alias Bloom.{Error, Native}

  @lock_timeout_ms 3_000

  @doc "Holds the lock, drops what was left, and calls the function with a connection to manage databases with."
  @spec exclusively(Connection.t(), (Connection.t() -> result)) :: result | {:error, Error.t()} when result: term()
  def exclusively(connection, fun) do
    with {:ok, manage} <- maintenance(connection) do
      Session.with_session(manage, "restore a dump of #{connection.database}", fn session ->
        with :ok <- lock(session, connection),
             :ok <- drop(manage, name(connection, "scratch")),
             :ok <- drop(manage, name(connection, "restored")),
             do: fun.(manage)
      end)
    end
  end

  @doc "The name of the database for a purpose, of at most 63 bytes whatever the repo's is."
  @spec name(Connection.t(), String.t()) :: String.t()
  def name(connection, purpose) do
    digest = :crypto.hash(:sha256, connection.database) |> Base.encode16(case: :lower) |> binary_part(0, 16)
    "bloom_#{purpose}_#{digest}"
  end

  @doc "Makes an empty database like the repo's."
  @spec create(Connection.t(), Connection.t(), String.t(), keyword()) :: :ok | {:error, Error.t()}
  def create(manage, connection, name, opts \\ []) do
    owner = if opts[:owned], do: "format(' OWNER %I', pg_get_userbyid(datdba))", else: "''"

    # The columns of the locale are named differently from version to version. Naming a tablespace takes a right to it.
    sql = """
    SELECT format('CREATE DATABASE %I WITH TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L',
        #{Client.literal(name)}, pg_encoding_to_char(encoding), datcollate, datctype)
      || CASE (SELECT dattablespace FROM pg_database WHERE datname = 'template0') WHEN t.oid THEN ''
        ELSE format(' TABLESPACE %I', spcname) END
      || #{owner}
      || CASE to_jsonb(d) ->> 'datlocprovider'
        WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L',
          coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'))
        WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', to_jsonb(d) ->> 'datlocale')
        ELSE '' END
    FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace
    WHERE datname = #{Client.literal(connection.database)}
    \\gexec
    """

    Client.execute(manage, "make a database beside #{connection.database}", sql)
  end

  @doc "Fills it from the file and compares its rows with those that were dumped."
  @spec fill(Connection.t(), Tools.t(), Path.t(), Backend.dump(), keyword()) :: :ok | {:error, Error.t()}
  def fill(fresh, tools, file, dump, opts) do
    arguments = ~w(--format=custom --exit-on-error --no-password --dbname=) ++ Keyword.get(opts, :arguments, [])
    restore = Client.command(tools.pg_restore, arguments, fresh)
    watch = opts[:watch] || %{}

    with {:ok, _output} <- Client.run([restore], fresh, "restore the backup #{file}", from: file, watch: watch),
         {:ok, rows} <- Rows.count(fresh, nil, watch) do
      with {:error, why} <- Rows.compare(dump.rows, rows), do: {:error, Archive.damaged(file, "restored, #{why}")}
    end
  end

  @doc "Drops a database, whoever uses it; one that is not there is fine."
  @spec drop(Connection.t(), String.t(), Native.watch()) :: :ok | {:error, Error.t()}
  def drop(manage, name, watch \\ %{}) do
    sql = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = #{Client.literal(name)};
    DROP DATABASE IF EXISTS #{Client.name(name)};
    """

    Client.execute(manage, "drop the database #{name}", sql, watch)
  end

  # Waits a little: the session of a run that has just ended may be ending still.
  defp lock(session, connection) do
    <<key::signed-64, _rest::binary>> = :crypto.hash(:sha256, "bloom:" <> connection.database)

    case Session.ask(session, "SET lock_timeout = #{@lock_timeout_ms}; SELECT FROM pg_advisory_lock(#{key});") do
      {:ok, _row} ->
        :ok

      {:error, %Error{code: :lock_timeout}} ->
        {:error,
         Error.new(:database_busy, "another run of Bloom restores a dump of #{connection.database} now",
           suggestions: ["let it end, and try again"]
         )}

      {:error, error} ->
        {:error, error}
    end
  end

  # The one that Ecto uses for this, and those that are always there. Who may connect to none of them may not make any.
  defp maintenance(connection) do
    names = Enum.uniq([connection.maintenance, "postgres", "template1"]) -- [connection.database]

    Enum.reduce_while(names, nil, fn name, _last ->
      manage = Connection.to(connection, name)

      case Client.execute(manage, "connect to the database #{name}", "SELECT;") do
        :ok -> {:halt, {:ok, manage}}
        {:error, %Error{code: :access_refused} = error} -> {:cont, {:error, %{error | code: :not_permitted}}}
        {:error, error} -> {:cont, {:error, error}}
      end
    end)
  end
end
