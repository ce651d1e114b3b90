defmodule Bloom.DatabaseBackup.Postgres.Client do
  @moduledoc "Statements for the server, through `psql`, and how PostgreSQL's programs are run."

  alias Bloom.DatabaseBackup.Postgres.{Connection, Failure, Tools}
  alias Bloom.{Error, Native, Pipeline}

  @arguments ~w(--no-psqlrc --quiet --no-align --tuples-only --no-password) ++
               ~w(--set=ON_ERROR_STOP=1 --set=VERBOSITY=verbose --file=-) ++ ["--field-separator=\t"]

  # Defaults of the role or the database are for the application.
  @settings "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0;\n"

  @doc "How `psql` reads statements; they come after `settings/0`."
  @spec arguments() :: [String.t()]
  def arguments, do: @arguments

  @doc "What a session begins with."
  @spec settings() :: String.t()
  def settings, do: @settings

  @doc "Runs statements and answers the rows of all of them, as lists of texts; `doing` is what for, see `Failure`."
  @spec rows(Connection.t(), String.t(), String.t(), Native.watch()) :: {:ok, [[String.t()]]} | {:error, Error.t()}
  def rows(connection, doing, sql, watch \\ %{}) do
    with {:ok, psql} <- Tools.psql(),
         command = command(psql, @arguments, connection, before: @settings <> sql <> "\n"),
         {:ok, output} <- run([command], connection, doing, watch: Map.take(watch, [:cancel])) do
      {:ok, for(line <- String.split(output, "\n", trim: true), do: String.split(line, "\t"))}
    end
  end

  @doc "Runs statements whose rows do not matter."
  @spec execute(Connection.t(), String.t(), String.t(), Native.watch()) :: :ok | {:error, Error.t()}
  def execute(connection, doing, sql, watch \\ %{}) do
    with {:ok, _rows} <- rows(connection, doing, sql, watch), do: :ok
  end

  @doc "A program that talks to the server."
  @spec command(Path.t(), [String.t()], Connection.t(), keyword()) :: Pipeline.command()
  def command(program, arguments, connection, around \\ []) do
    Map.merge(
      %{program: program, arguments: arguments, environment: Connection.environment(connection)},
      Map.new(around)
    )
  end

  @doc "Runs programs; that one fails is an error."
  @spec run([Pipeline.command(), ...], Connection.t(), String.t(), [Pipeline.option()]) ::
          {:ok, binary() | Pipeline.written()} | {:error, Error.t()}
  def run(commands, connection, doing, opts) do
    case Pipeline.run(commands, opts) do
      {:ok, %{output: nil, exits: exits}} -> {:error, Failure.error(exits, connection, doing)}
      {:ok, %{output: output}} -> {:ok, output}
      {:error, error} -> {:error, error}
    end
  end

  @doc """
  A text as a literal.

      iex> Bloom.DatabaseBackup.Postgres.Client.literal("it's")
      "'it''s'"
      iex> Bloom.DatabaseBackup.Postgres.Client.literal("a\\\\b")
      "E'a\\\\\\\\b'"
  """
  @spec literal(String.t()) :: String.t()
  def literal(text) do
    quoted = "'" <> String.replace(text, "'", "''") <> "'"
    if String.contains?(text, "\\"), do: "E" <> String.replace(quoted, "\\", "\\\\"), else: quoted
  end

  @doc """
  A text as a name.

      iex> Bloom.DatabaseBackup.Postgres.Client.name(~s(a"b))
      ~s("a""b")
  """
  @spec name(String.t()) :: String.t()
  def name(text), do: "\"" <> String.replace(text, "\"", "\"\"") <> "\""
end
