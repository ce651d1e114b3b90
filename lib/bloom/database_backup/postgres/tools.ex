defmodule Bloom.DatabaseBackup.Postgres.Tools do
  @moduledoc """
  Where PostgreSQL's programs are: in `database_tools_directory`, else in PATH, else where Debian keeps them.
  """

  alias Bloom.DatabaseBackup.Postgres.Connection
  alias Bloom.{Config, Error, Pipeline}

  @names ~w(psql pg_dump pg_restore)

  @typedoc "The programs of one installation, and the major version of its `pg_dump`."
  @type t :: %{psql: Path.t(), pg_dump: Path.t(), pg_restore: Path.t(), major: non_neg_integer()}

  @doc "Any `psql`: each can talk to every server."
  @spec psql() :: {:ok, Path.t()} | {:error, Error.t()}
  def psql do
    case directories() do
      [dir | _] -> {:ok, Path.join(dir, "psql")}
      [] -> {:error, missing()}
    end
  end

  @doc "The first programs that can dump a server of this major version: `pg_dump` cannot dump a newer one than itself."
  @spec find(non_neg_integer()) :: {:ok, t()} | {:error, Error.t()}
  def find(server) do
    case directories() do
      [] -> {:error, missing()}
      dirs -> newest_enough(dirs, server, [])
    end
  end

  defp newest_enough([], server, older) do
    {:error,
     Error.new(:tools_too_old, "the server is PostgreSQL #{server}, and pg_dump here is only #{Enum.join(older, ", ")}",
       suggestions: ["install postgresql-client-#{server}, or set database_tools_directory to where it is"]
     )}
  end

  defp newest_enough([dir | dirs], server, older) do
    with {:ok, major} <- major(Path.join(dir, "pg_dump")) do
      if major >= server do
        [psql, pg_dump, pg_restore] = Enum.map(@names, &Path.join(dir, &1))
        {:ok, %{psql: psql, pg_dump: pg_dump, pg_restore: pg_restore, major: major}}
      else
        newest_enough(dirs, server, older ++ [major])
      end
    end
  end

  defp major(program) do
    ask = %{program: program, arguments: ["--version"], environment: Connection.kept()}

    with {:ok, outcome} <- Pipeline.run([ask]) do
      case Regex.run(~r/\(PostgreSQL\) (\d+)/, outcome.output || "") do
        [_all, major] -> {:ok, String.to_integer(major)}
        nil -> {:error, broken(program)}
      end
    end
  end

  defp broken(program) do
    Error.new(:tools_broken, "#{program} --version does not answer a version of PostgreSQL",
      suggestions: ["set database_tools_directory to where PostgreSQL's own programs are"]
    )
  end

  defp directories do
    dirs = for dir <- Enum.uniq(candidates()), Enum.all?(@names, &program?(Path.join(dir, &1))), do: dir
    # Debian's scripts in PATH only choose among the others, and take their time.
    {scripts, programs} = Enum.split_with(dirs, &match?({:ok, "../share/postgresql-common/" <> _}, link(&1)))
    programs ++ scripts
  end

  defp link(dir), do: File.read_link(Path.join(dir, "psql"))

  defp candidates do
    case Config.get_valid(:database_tools_directory) do
      nil -> String.split(System.get_env("PATH", ""), ":", trim: true) ++ debian()
      dir -> [dir]
    end
  end

  defp debian do
    "/usr/lib/postgresql/*/bin"
    |> Path.wildcard()
    |> Enum.sort_by(&(&1 |> Path.dirname() |> Path.basename() |> Float.parse()), :desc)
  end

  defp program?(path) do
    case File.stat(path) do
      {:ok, %{type: :regular, mode: mode}} -> Bitwise.band(mode, 0o111) != 0
      _none -> false
    end
  end

  defp missing do
    Error.new(:no_tools, "#{Enum.join(@names, ", ")} are not on this machine",
      suggestions: ["install postgresql-client of the server's version, or set database_tools_directory to where it is"]
    )
  end
end
