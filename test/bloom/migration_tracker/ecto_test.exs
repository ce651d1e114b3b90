# On a real PostgreSQL, with garden's stand-in for Ecto, or with the library itself where that is in the code path:
#
#     ERL_LIBS=/path/to/_build/dev/lib mix test test/bloom/migration_tracker/ecto_test.exs
defmodule Bloom.MigrationTracker.EctoTest do
  use ExUnit.Case, async: false

  alias Bloom.MigrationTracker.Ecto, as: Adapter
  alias Bloom.Test.Postgres

  @library Code.ensure_loaded?(Ecto.Migrator)
  @stand_in Path.expand("../../../examples/garden/variants/2.0.0-db/ecto_sql/lib", __DIR__)
  @repo Contract.Repo
  @other Contract.Other
  @name inspect(@repo)

  @reversible "def change, do: execute(\"CREATE TABLE TABLE_OF (id integer)\", \"DROP TABLE TABLE_OF\")"
  @raw "def change, do: execute(\"CREATE TABLE TABLE_OF (id integer)\")"
  @up_only "def up, do: execute(\"CREATE TABLE TABLE_OF (id integer)\")"
  @halfway "def up do\nexecute(\"CREATE TABLE TABLE_OF (id integer)\")\nexecute(\"DROP TABLE nowhere\")\nend\ndef down, do: :ok"

  # Only for these tests: to all others there is no Ecto.
  setup_all do
    files =
      if @library,
        do: [],
        else: for(name <- ~w(errors psql repo migration migrator), do: Path.join(@stand_in, "#{name}.ex"))

    stand_in = for file <- files, {module, _binary} <- Code.compile_file(file), do: module

    repos =
      for repo <- [@repo, @other],
          source =
            "defmodule #{inspect(repo)}, do: use(Ecto.Repo, otp_app: :contract, adapter: Ecto.Adapters.Postgres)",
          {module, _binary} <- Code.compile_string(source),
          do: module

    on_exit(fn ->
      for module <- repos ++ stand_in do
        :code.delete(module)
        :code.purge(module)
      end
    end)
  end

  setup do
    root = Path.join(System.tmp_dir!(), "bloom-ecto-#{System.pid()}-#{System.unique_integer([:positive])}")
    File.mkdir_p!(Path.join(root, "contract/ebin"))
    migrations = Path.join(root, "contract/priv/repo/migrations")
    File.mkdir_p!(migrations)
    application(:contract, Path.join(root, "contract/ebin"))
    Application.put_env(:contract, :ecto_repos, [@repo])
    Application.put_env(:contract, @repo, Postgres.database!() ++ [log: false])
    start(@library, root)
    # Files are compiled again in each direction, in a VM that ends with the question otherwise.
    Code.put_compiler_option(:ignore_module_conflict, true)

    on_exit(fn ->
      Code.put_compiler_option(:ignore_module_conflict, false)
      Application.unload(:contract)
      Code.delete_path(Path.join(root, "contract/ebin"))
      File.rm_rf!(root)
    end)

    %{migrations: migrations}
  end

  defp start(true, _root), do: {:ok, _apps} = Application.ensure_all_started(:postgrex)

  defp start(false, root) do
    File.mkdir_p!(Path.join(root, "ecto_sql/ebin"))
    application(:ecto_sql, Path.join(root, "ecto_sql/ebin"))

    on_exit(fn ->
      Application.stop(:ecto_sql)
      Application.unload(:ecto_sql)
      Code.delete_path(Path.join(root, "ecto_sql/ebin"))
    end)
  end

  defp application(name, ebin) do
    spec = {:application, name, vsn: ~c"1.0.0", modules: [], registered: [], applications: [:kernel, :stdlib]}
    File.write!(Path.join(ebin, "#{name}.app"), :io_lib.format("~p.~n", [spec]))
    Code.prepend_path(ebin)
    :ok = Application.load(name)
  end

  defp write(dir, version, name, body) do
    module = "Migration#{System.unique_integer([:positive])}"
    body = String.replace(body, "TABLE_OF", "t#{version}")
    File.write!(Path.join(dir, "#{version}_#{name}.exs"), "defmodule #{module} do\nuse Ecto.Migration\n#{body}\nend\n")
  end

  defp request(versions \\ []) do
    %{apps: [:contract], timeout_ms: 10_000, session_prefix: "bloom-test-", session: "bloom-test-1"}
    |> Map.put(:wanted, keys(versions))
  end

  defp keys(versions), do: for(version <- versions, do: {@name, version})
  defp run(versions), do: versions |> request() |> Adapter.run()
  defp rollback(versions), do: versions |> request() |> Adapter.rollback()

  defp statuses do
    {:ok, %{migrations: migrations}} = Adapter.survey(request())
    for migration <- migrations, do: {migration.version, migration.status}
  end

  test "a survey of a database without the table of migrations writes nothing", %{migrations: dir} do
    write(dir, 1, "one", @reversible)
    File.write!(Path.join(dir, "notes.exs"), "")

    for _time <- 1..2 do
      assert {:ok, %{repos: [%{repo: @name, app: "contract"}], migrations: [migration]}} = Adapter.survey(request())
      assert %{repo: @name, version: 1, name: "one", status: :down, file: file} = migration
      assert file == Path.join(dir, "1_one.exs")
    end
  end

  test "the wanted migrations run, oldest first, and no other", %{migrations: dir} do
    for {version, name} <- [{1, "one"}, {2, "two"}, {3, "three"}], do: write(dir, version, name, @reversible)
    assert run([2, 1]) == {:ok, keys([1, 2])}
    assert statuses() == [{1, :up}, {2, :up}, {3, :down}]
    assert run([1, 2]) == {:ok, []}
  end

  test "each of several repos has its own migrations, and what fails in one leaves those of the other told" do
    Application.put_env(:contract, :ecto_repos, [@repo, @other])
    Application.put_env(:contract, @other, Postgres.database!() ++ [log: false, priv: "priv/other"])
    dirs = for name <- ["repo", "other"], do: Application.app_dir(:contract, "priv/#{name}/migrations")
    Enum.each(dirs, &File.mkdir_p!/1)
    Enum.each(dirs, &write(&1, 1, "one", @reversible))
    write(List.last(dirs), 2, "two", @halfway)

    assert {:ok, %{repos: [_repo, _other], migrations: migrations}} = Adapter.survey(request())
    wanted = for migration <- migrations, do: {migration.repo, migration.version}
    assert wanted == [{@name, 1}, {inspect(@other), 1}, {inspect(@other), 2}]
    done = Enum.take(wanted, 2)
    assert {:error, %{code: :migration_failed, done: ^done}} = Adapter.run(%{request() | wanted: wanted})
    assert {:ok, rolled_back} = Adapter.rollback(%{request() | wanted: done})
    assert rolled_back == Enum.reverse(done)
  end

  test "directories of the option are looked at instead of Ecto's own", %{migrations: dir} do
    write(dir, 1, "one", @reversible)
    elsewhere = Application.app_dir(:contract, "priv/elsewhere/deeper")
    File.mkdir_p!(elsewhere)
    write(elsewhere, 2, "two", @reversible)
    Application.put_env(:bloom, :database_migration_paths, %{@repo => ["priv/elsewhere"]})
    on_exit(fn -> Application.delete_env(:bloom, :database_migration_paths) end)
    assert statuses() == [{2, :down}]
    assert run([2]) == {:ok, keys([2])}
  end

  test "where somebody else holds the lock for long, it is told who may", %{migrations: dir} do
    write(dir, 1, "one", @reversible)
    write(dir, 2, "two", @reversible)
    {:ok, _done} = run([1])
    holder = Postgres.connect!(Application.fetch_env!(:contract, @repo))
    Port.command(holder, "BEGIN; LOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE; SELECT 'held';\n")
    assert_receive {^holder, {:data, "held\n"}}, 10_000

    assert statuses() == [{1, :up}, {2, :down}]

    assert {:error, %{code: :migration_locked, suggestions: [suggestion]}} =
             Adapter.run(%{request([2]) | timeout_ms: 1_000})

    assert suggestion =~ "another node that migrates"
    Port.close(holder)
    assert run([2]) == {:ok, keys([2])}
  end

  test "what is applied and not among the files is told without one", %{migrations: dir} do
    write(dir, 1, "one", @reversible)
    {:ok, _done} = run([1])
    File.rm!(Path.join(dir, "1_one.exs"))
    assert {:ok, %{migrations: [%{version: 1, status: :up, name: "(no file)", file: nil}]}} = Adapter.survey(request())
    assert {:error, %{code: :no_migration_file}} = rollback([1])
  end

  test "exactly the wanted ones are rolled back, newest first", %{migrations: dir} do
    for {version, name} <- [{1, "one"}, {2, "two"}, {3, "three"}], do: write(dir, version, name, @reversible)
    {:ok, _done} = run([1, 2, 3])
    assert rollback([1, 3]) == {:ok, keys([3, 1])}
    assert statuses() == [{1, :down}, {2, :up}, {3, :down}]
    assert run([1, 3]) == {:ok, keys([1, 3])}
  end

  test "one that fails halfway is undone, and those before it are told", %{migrations: dir} do
    write(dir, 1, "one", @reversible)
    write(dir, 2, "two", @halfway)
    write(dir, 3, "three", @reversible)
    done = keys([1])
    assert {:error, %{code: :migration_failed, message: message, done: ^done}} = run([1, 2, 3])
    assert message =~ "nowhere"
    assert statuses() == [{1, :up}, {2, :down}, {3, :down}]

    # What it did before it failed would be in the way now.
    write(dir, 2, "two", @reversible)
    assert run([2]) == {:ok, keys([2])}
  end

  test "one that cannot be reversed stays, and what was rolled back before it is told", %{migrations: dir} do
    write(dir, 1, "one", @raw)
    write(dir, 2, "two", @reversible)
    {:ok, _done} = run([1, 2])
    done = keys([2])
    assert {:error, %{code: :irreversible, message: message, done: ^done}} = rollback([1, 2])
    assert message =~ "cannot reverse migration command"
    assert statuses() == [{1, :up}, {2, :down}]
  end

  # Ecto itself would forget that it is applied, and raise only then.
  test "one without a way back is refused before any is rolled back", %{migrations: dir} do
    write(dir, 1, "one", @up_only)
    write(dir, 2, "two", @reversible)
    {:ok, _done} = run([1, 2])
    assert {:error, %{code: :irreversible, message: message}} = rollback([1, 2])
    assert message =~ "1_one.exs has neither down/0 nor change/0"
    assert statuses() == [{1, :up}, {2, :up}]
  end

  test "what Ecto does with one without a way back: it forgets it and raises", %{migrations: dir} do
    write(dir, 1, "one", @up_only)
    {:ok, _done} = run([1])
    [{module, _binary}] = Code.compile_file(Path.join(dir, "1_one.exs"))

    {raised, versions} =
      with_repo(fn ->
        raised = assert_raise Ecto.MigrationError, fn -> call(:run, [@repo, [{1, module}], :down, [all: true]]) end
        {Exception.message(raised), call(:migrated_versions, [@repo, []])}
      end)

    assert raised =~ "does not implement a `down/0`"
    assert versions == []
  end

  defp with_repo(fun) do
    {:ok, result, _apps} = call(:with_repo, [@repo, fn _repo -> fun.() end])
    result
  end

  # At run time, as the stand-in is compiled after this file.
  defp call(function, arguments), do: apply(Ecto.Migrator, function, arguments)

  test "a file that cannot be compiled, or is no migration, is refused before any runs", %{migrations: dir} do
    write(dir, 1, "one", @reversible)
    File.write!(Path.join(dir, "2_two.exs"), "defmodule Broken do")
    assert {:error, %{code: :migration_does_not_compile, message: "2_two.exs cannot be compiled" <> _}} = run([1, 2])
    File.write!(Path.join(dir, "2_two.exs"), "defmodule NoMigration#{System.unique_integer([:positive])}, do: nil")
    assert {:error, %{code: :no_migration}} = run([1, 2])
    assert statuses() == [{1, :down}, {2, :down}]
  end
end
