defmodule Bloom.MigrationTracker.Ecto do
  @moduledoc """
  Migrations of Ecto, by the functions of `Ecto.Migrator` (ecto_sql 3.10 and newer), which is found at run time.

  Files are compiled and looked at before Ecto is asked to run anything: a migration that lacks the direction it is wanted
  in makes Ecto raise only after it has written the schema_migrations row (lib/ecto/migrator.ex, `attempt` in `do_up` and `do_down`).
  """

  @behaviour Bloom.MigrationTracker.Migrator

  alias Bloom.MigrationTracker.Ecto.{Failure, Files, Session}
  alias Bloom.Secrets

  @impl true
  def secrets(request), do: for({repo, _app} <- repos(request.apps), secret <- Secrets.of(repo.config()), do: secret)

  @impl true
  def survey(request) do
    with :ok <- start(),
         {:ok, surveys} <- each(repos(request.apps), &survey_repo(&1, request)) do
      {:ok,
       %{repos: Enum.map(surveys, &elem(&1, 0)), migrations: Enum.flat_map(surveys, fn {_repo, found} -> found end)}}
    end
  end

  @impl true
  def run(request), do: migrate(request, :up)

  @impl true
  def rollback(request), do: migrate(request, :down)

  defp start do
    case Application.ensure_all_started(:ecto_sql) do
      {:ok, _apps} -> :ok
      {:error, reason} -> {:error, Failure.not_started(reason)}
    end
  end

  # As `mix ecto.migrate` finds them, of every application of the release.
  defp repos(apps) do
    for app <- apps, repo <- Application.get_env(app, :ecto_repos, []), uniq: true, do: {repo, app}
  end

  defp survey_repo({repo, app}, request) do
    info = %{repo: inspect(repo), app: to_string(app), adapter: inspect(repo.__adapter__()), config: repo.config()}
    files = Files.of(repo, app)

    # Without the lock, which another node may hold for long, and without making the table.
    Session.with_repo(repo, request, fn ->
      if request[:end_leftovers], do: Session.end_leftovers(repo, request)

      migrated =
        migrator(:migrations, [repo, Files.directories(repo, app), [skip_table_creation: true, migration_lock: false]])

      {:ok, {info, for({status, version, name} <- migrated, do: migration(repo, version, name, status, files))}}
    end)
    |> or_without_table(fn ->
      {:ok, {info, for({version, {name, _file}} <- Enum.sort(files), do: migration(repo, version, name, :down, files))}}
    end)
  end

  defp or_without_table({:error, %{code: :no_migrations_table}}, otherwise), do: otherwise.()
  defp or_without_table(result, _otherwise), do: result

  # What is applied and has no file is named "** FILE NOT FOUND **" by Ecto.
  defp migration(repo, version, name, status, files) do
    case files do
      %{^version => {_name, file}} -> %{repo: inspect(repo), version: version, name: name, status: status, file: file}
      _no_file -> %{repo: inspect(repo), version: version, name: "(no file)", status: status, file: nil}
    end
  end

  defp migrate(request, direction) do
    with :ok <- start() do
      request.apps
      |> repos()
      |> in_order(direction)
      |> Enum.filter(fn {repo, _app} -> versions(repo, request) != [] end)
      |> Enum.reduce_while({:ok, []}, fn {repo, app}, {:ok, done} ->
        case migrate_repo(repo, app, direction, request) do
          {:ok, more} -> {:cont, {:ok, done ++ more}}
          {:error, failure} -> {:halt, {:error, Map.update(failure, :done, done, &(done ++ &1))}}
        end
      end)
    end
  end

  defp in_order(repos, :up), do: repos
  defp in_order(repos, :down), do: Enum.reverse(repos)

  defp versions(repo, request), do: for({name, version} <- request.wanted, name == inspect(repo), do: version)

  defp migrate_repo(repo, app, direction, request) do
    wanted = versions(repo, request)

    with {:ok, modules} <- Files.modules(repo, app, wanted, direction) do
      Session.with_repo(repo, request, fn ->
        Session.end_leftovers(repo, request)

        try do
          {:ok, keys(repo, migrator(:run, [repo, modules, direction, [all: true]]))}
        rescue
          exception -> {:error, failed(repo, exception, wanted, direction)}
        end
      end)
    end
  end

  # Each migration is a transaction of its own, so those before the failed one have been done.
  defp failed(repo, exception, wanted, direction) do
    applied = migrator(:migrated_versions, [repo, [skip_table_creation: true, migration_lock: false]])
    done = for version <- wanted, version in applied == (direction == :up), do: version
    exception |> Failure.of(repo) |> Map.put(:done, keys(repo, done))
  rescue
    # Nobody can tell which were done where the database is gone; whoever undoes it asks again.
    _also -> exception |> Failure.of(repo) |> Map.put(:done, [])
  end

  defp keys(repo, versions), do: for(version <- versions, do: {inspect(repo), version})

  defp migrator(function, arguments), do: apply(Ecto.Migrator, function, arguments)

  defp each(items, fun) do
    Enum.reduce_while(items, {:ok, []}, fn item, {:ok, done} ->
      case fun.(item) do
        {:ok, value} -> {:cont, {:ok, done ++ [value]}}
        {:error, failure} -> {:halt, {:error, failure}}
      end
    end)
  end
end
