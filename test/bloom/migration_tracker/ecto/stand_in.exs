# Stands in for what Bloom calls of Ecto where Ecto is not in the code path: `Ecto.Migrator` with the results and exceptions of
# ecto_sql 3.10.2 and 3.13.5, on a database that knows a few statements. ecto_test.exs passes on both.

defmodule Ecto.MigrationError do
  defexception [:message]
end

defmodule StandIn.DatabaseError do
  defexception [:message, :postgres]
end

defmodule StandIn.Database do
  # Tables and applied versions; a transaction is a copy that is put back.

  use Agent

  def start_link(_opts), do: Agent.start_link(fn -> %{tables: [], versions: nil} end, name: __MODULE__)

  def get(key), do: Agent.get(__MODULE__, & &1[key])
  def put(key, value), do: Agent.update(__MODULE__, &Map.put(&1, key, value))

  def transaction(fun) do
    before = Agent.get(__MODULE__, & &1)

    try do
      fun.()
    rescue
      exception ->
        Agent.update(__MODULE__, fn _now -> before end)
        reraise exception, __STACKTRACE__
    end
  end

  def execute("CREATE TABLE " <> rest), do: put(:tables, [table(rest) | get(:tables)])
  def execute("DROP TABLE " <> rest), do: drop(table(rest), table(rest) in get(:tables))

  defp drop(table, true), do: put(:tables, get(:tables) -- [table])
  defp drop(table, false), do: missing(if(table, do: "table \"#{table}\""), :undefined_table)

  def missing(what, code) do
    raise StandIn.DatabaseError, message: "ERROR 42P01 (#{code}) #{what} does not exist", postgres: %{code: code}
  end

  defp table(sql), do: sql |> String.split([" ", "("], trim: true) |> hd()
end

defmodule StandIn.Adapter do
  def storage_status(_config), do: :up
end

defmodule StandIn.Repo do
  def config, do: Application.get_env(:contract, __MODULE__, []) ++ [otp_app: :contract]
  def __adapter__, do: StandIn.Adapter
end

defmodule Ecto.Migration do
  alias StandIn.Database

  defmacro __using__(_opts) do
    quote do
      import Ecto.Migration

      def __migration__, do: [disable_ddl_transaction: false, disable_migration_lock: false]
    end
  end

  def execute(sql), do: if(backward?(), do: irreversible(sql), else: Database.execute(sql))
  def execute(up, down), do: Database.execute(if(backward?(), do: down, else: up))

  defp backward?, do: Process.get(:backward, false)

  defp irreversible(sql) do
    raise Ecto.MigrationError,
      message:
        "cannot reverse migration command: execute #{inspect(sql)}. " <>
          "You will need to explicitly define up/0 and down/0 in your migration"
  end
end

defmodule Ecto.Migrator do
  alias StandIn.Database

  def with_repo(repo, fun, _opts \\ []), do: {:ok, fun.(repo), []}

  def migrations_path(repo, directory \\ "migrations") do
    config = repo.config()
    priv = config[:priv] || "priv/#{repo |> Module.split() |> List.last() |> Macro.underscore()}"
    Application.app_dir(Keyword.fetch!(config, :otp_app), Path.join(priv, directory))
  end

  def migrated_versions(_repo, opts \\ []) do
    case Database.get(:versions) do
      nil ->
        if opts[:skip_table_creation], do: Database.missing("relation \"schema_migrations\"", :undefined_table)
        Database.put(:versions, [])
        []

      versions ->
        Enum.sort(versions)
    end
  end

  def migrations(repo, directories, opts \\ []) do
    versions = migrated_versions(repo, opts)
    files = for directory <- List.wrap(directories), {version, name} <- files(directory), do: {version, name}
    known = Enum.map(files, &elem(&1, 0))
    with_file = for {version, name} <- files, do: {if(version in versions, do: :up, else: :down), version, name}
    without = for version <- versions -- known, do: {:up, version, "** FILE NOT FOUND **"}
    Enum.sort_by(with_file ++ without, &elem(&1, 1))
  end

  defp files(directory) do
    for file <- Path.wildcard(Path.join([directory, "**", "*.exs"])),
        {version, "_" <> name} <- [Integer.parse(Path.rootname(Path.basename(file)))],
        do: {version, name}
  end

  def run(repo, [{_version, _module} | _more] = modules, direction, all: true) do
    applied = migrated_versions(repo)
    modules = if direction == :up, do: Enum.sort(modules), else: modules |> Enum.sort() |> Enum.reverse()

    for {version, module} <- modules, version in applied != (direction == :up) do
      error = Database.transaction(fn -> go(module, version, direction) end)
      if error, do: raise(error)
      version
    end
  end

  # The row is written although the migration lacks the direction, and only then it raises: as Ecto does it.
  defp go(module, version, direction) do
    Process.put(:backward, false)

    error =
      cond do
        function_exported?(module, direction, 0) -> done(apply(module, direction, []))
        function_exported?(module, :change, 0) -> change(module, direction)
        true -> %Ecto.MigrationError{message: "#{inspect(module)} does not implement a `#{direction}/0`"}
      end

    versions = Database.get(:versions)
    Database.put(:versions, if(direction == :up, do: [version | versions], else: versions -- [version]))
    error
  end

  defp change(module, direction) do
    Process.put(:backward, direction == :down)
    done(module.change())
  after
    Process.put(:backward, false)
  end

  defp done(_result), do: nil
end
