defmodule Ecto.Migrator do
  @moduledoc """
  A stand-in for Ecto's, where Hex is out of reach: the functions that Bloom calls, with the arguments, answers and exceptions
  of ecto_sql 3.10.2 and 3.13.5 (lib/ecto/migrator.ex), on a real PostgreSQL.
  """

  alias EctoSQL.Psql

  @table "schema_migrations"

  def with_repo(repo, fun, _opts \\ []), do: {:ok, fun.(repo), []}

  def migrations_path(repo) do
    config = repo.config()
    Application.app_dir(config[:otp_app], Path.join(config[:priv] || "priv/repo", "migrations"))
  end

  @doc "`{:up | :down, version, name}` of each, by version."
  def migrations(repo, directories, opts \\ []) do
    versions = migrated_versions(repo, opts)
    files = files(directories)
    known = Enum.map(files, &elem(&1, 0))

    Enum.sort_by(
      for({version, name, _file} <- files, do: {if(version in versions, do: :up, else: :down), version, name}) ++
        for(version <- versions, version not in known, do: {:up, version, "** FILE NOT FOUND **"}),
      &elem(&1, 1)
    )
  end

  def migrated_versions(repo, opts \\ []) do
    if not Keyword.get(opts, :skip_table_creation, false), do: create_table(repo)
    for [version] <- Psql.query!(repo, "SELECT version FROM #{@table} ORDER BY version"), do: String.to_integer(version)
  end

  @doc "Runs migrations, each in a transaction of its own; answers the versions that this call ran."
  def run(repo, source, direction, opts) do
    if opts[:all] != true, do: raise(ArgumentError, "expected one of :all, :to, :to_exclusive, or :step strategies")
    versions = migrated_versions(repo)
    wanted = for {version, _module} = one <- source(source), version in versions == (direction == :down), do: one
    duplicated = Enum.uniq(for {version, _module} <- wanted -- Enum.uniq_by(wanted, &elem(&1, 0)), do: version)

    if duplicated != [],
      do: raise(Ecto.MigrationError, "migrations can't be executed, migration version #{hd(duplicated)} is duplicated")

    order = if direction == :up, do: :asc, else: :desc

    for {version, module} <- Enum.sort_by(wanted, &elem(&1, 0), order) do
      attempt(repo, version, module, direction)
      version
    end
  end

  # As in Ecto, the row is there although the migration could not go that way.
  defp attempt(repo, version, module, direction) do
    row =
      case direction do
        :up -> "INSERT INTO #{@table} (version, inserted_at) VALUES (#{version}, now())"
        :down -> "DELETE FROM #{@table} WHERE version = #{version}"
      end

    Code.ensure_loaded!(module)
    one_way? = not (function_exported?(module, direction, 0) or function_exported?(module, :change, 0))
    commands = if one_way?, do: [], else: Ecto.Migration.commands(module, direction)
    lock = "LOCK TABLE #{@table} IN SHARE UPDATE EXCLUSIVE MODE"
    lock_failure(repo, lock)
    Psql.run!(repo, ["BEGIN", lock] ++ commands ++ [row, "COMMIT"])

    if one_way?,
      do: raise(Ecto.MigrationError, "#{inspect(module)} does not implement a `#{direction}/0` or `change/0` function")
  end

  # Ecto matches the answer of the transaction that it takes its lock in.
  defp lock_failure(repo, lock) do
    Psql.run!(repo, ["BEGIN", lock, "ROLLBACK"])
  rescue
    error in Postgrex.Error -> raise MatchError, term: {:error, error}
  end

  defp create_table(repo) do
    Psql.run!(repo, [
      "CREATE TABLE IF NOT EXISTS #{@table} (version bigint PRIMARY KEY, inserted_at timestamp(0) without time zone)"
    ])
  end

  defp source([{_version, _module} | _more] = modules), do: modules
  defp source([]), do: []

  defp files(directories) do
    for directory <- List.wrap(directories),
        file <- Path.wildcard(Path.join([directory, "**", "*.exs"])),
        {version, "_" <> name} <- [Integer.parse(Path.rootname(Path.basename(file)))],
        do: {version, name, file}
  end
end
