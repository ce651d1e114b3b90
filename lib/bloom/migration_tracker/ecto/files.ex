defmodule Bloom.MigrationTracker.Ecto.Files do
  @moduledoc """
  The files of a repo's migrations, found as Ecto finds them (lib/ecto/migrator.ex, `migrations_for`): `VERSION_NAME.exs`, at any
  depth below `priv/REPO/migrations`, or below the directories of the option `database_migration_paths`.
  """

  alias Bloom.Config
  alias Bloom.MigrationTracker.Ecto.Failure

  @doc "The directories of a repo's migrations."
  @spec directories(module(), atom()) :: [Path.t()]
  def directories(repo, app) do
    case Config.get(:database_migration_paths)[repo] do
      nil -> [apply(Ecto.Migrator, :migrations_path, [repo])]
      paths -> for path <- paths, do: Application.app_dir(app, path)
    end
  end

  @doc "The files by version, with the name of each."
  @spec of(module(), atom()) :: %{non_neg_integer() => {name :: String.t(), Path.t()}}
  def of(repo, app) do
    for directory <- directories(repo, app),
        file <- Path.wildcard(Path.join([directory, "**", "*.exs"])),
        {version, "_" <> name} <- [Integer.parse(Path.rootname(Path.basename(file)))],
        into: %{},
        do: {version, {name, file}}
  end

  @doc "Compiles the files of some versions: each with its module, which can go in that direction."
  @spec modules(module(), atom(), [non_neg_integer()], :up | :down) ::
          {:ok, [{non_neg_integer(), module()}]} | {:error, map()}
  def modules(repo, app, versions, direction) do
    files = of(repo, app)

    Enum.reduce_while(Enum.sort(versions), {:ok, []}, fn version, {:ok, modules} ->
      with {:ok, file} <- file(files, version, repo),
           {:ok, module} <- compile(file),
           :ok <- check(module, file, direction) do
        {:cont, {:ok, modules ++ [{version, module}]}}
      else
        {:error, failure} -> {:halt, {:error, failure}}
      end
    end)
  end

  defp file(files, version, repo) do
    case files do
      %{^version => {_name, file}} -> {:ok, file}
      _none -> {:error, Failure.no_file(version, repo)}
    end
  end

  defp compile(file) do
    modules = for {module, _binary} <- Code.compile_file(file), do: module

    case Enum.find(modules, &function_exported?(&1, :__migration__, 0)) do
      nil -> {:error, Failure.no_migration(file)}
      module -> {:ok, module}
    end
  rescue
    exception -> {:error, Failure.not_compiled(file, exception)}
  end

  defp check(module, file, direction) do
    if function_exported?(module, direction, 0) or function_exported?(module, :change, 0),
      do: :ok,
      else: {:error, Failure.one_way(file, direction)}
  end
end
