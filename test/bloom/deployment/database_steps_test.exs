defmodule Bloom.Deployment.DatabaseStepsTest do
  # Survey, backup, migrate and revert by themselves, on a database of text and a migrator that does as it is told.
  use Bloom.Test.FakeBackend, async: false

  alias Bloom.Deployment.Context
  alias Bloom.Deployment.Steps.{Backup, Migrate, Revert, Survey}
  alias Bloom.MigrationTracker
  alias Bloom.Test.FakeMigrator

  setup %{repo: repo, backups: backups} = context do
    put_option(:database_migrator, FakeMigrator)
    put_option(:database_backup_directory, backups)
    put_option(:database_migration_timeout_ms, 3_000)
    start_supervised!({FakeMigrator, files: Map.get(context, :files, [1, 2])})
    # What the running node says of its repos.
    Application.put_env(:bloom, :ecto_repos, [__MODULE__.Repo])
    Application.put_env(:bloom, __MODULE__.Repo, repo.config)
    on_exit(fn -> for key <- [:ecto_repos, __MODULE__.Repo], do: Application.delete_env(:bloom, key) end)

    {:ok, id} = Metadata.start_deployment(%{operation: :switch, version: "1.1.0", from_version: "1.0.0", facts: %{}})
    root = %Root{path: "", name: "garden", running: "1.0.0"}
    %{context: %Context{id: id, operation: :switch, version: "1.1.0", root: root}}
  end

  defmodule Repo do
    def __adapter__, do: Bloom.Test.FakeAdapter
    def config, do: Application.fetch_env!(:bloom, __MODULE__)
  end

  # The migrator and the node speak of one repo.
  defp surveyed(context) do
    {:ok, context} = Survey.run(context)
    name = inspect(__MODULE__.Repo)
    repo = %{repo: name, app: "bloom", adapter: "Bloom.Test.FakeAdapter", config: __MODULE__.Repo.config()}
    schema = context.facts[:schema]
    rename = fn list -> for migration <- list, do: %{migration | repo: name} end
    schema = schema && %{up: rename.(schema.up), down: rename.(schema.down)}
    %{context | repos: [repo], facts: %{context.facts | schema: schema}}
  end

  defp notes(context), do: Context.notes_text(context)

  test "without migrations no step is needed", %{context: context} do
    FakeMigrator.change(%{applied: [1, 2]})
    {:ok, context} = Survey.run(context)
    for step <- [Backup, Migrate, Revert], do: refute(step.needed?(context), inspect(step))
  end

  test "a release whose Bloom knows nothing of migrations can still be switched to", %{context: context} do
    FakeMigrator.change(%{unreachable: 1, code: :bloom_too_old})
    {{:ok, context}, log} = with_log(fn -> Survey.run(context) end)
    assert log =~ "none is run or rolled back"
    assert notes(context) == "no connection as [hidden]"
    refute Migrate.needed?(context)

    FakeMigrator.change(%{unreachable: 1, code: :database_unreachable})
    assert {:error, %Error{code: :database_unreachable}} = Survey.run(context)
  end

  test "pending ones are run after a backup, and rolled back", %{context: context} do
    {:ok, context} = Survey.run(context)
    assert %{up: [%{version: 1}, %{version: 2}], down: []} = context.facts.schema
    assert Migrate.needed?(context) and not Revert.needed?(context)
    refute Migrate.happened?(context)
    assert {:ok, context} = Migrate.run(context)
    assert Migrate.happened?(context)
    assert {:ok, context} = Migrate.undo(context)
    assert notes(context) =~ "rolled back"
    assert FakeMigrator.applied() == []
  end

  test "the journal has the backup, and none of the databases' secrets", %{context: context} do
    {:ok, context} = context |> surveyed() |> Backup.run()
    assert %{id: "1.1.0-" <> _time} = context.facts.backup
    {:ok, [deployment | _]} = Metadata.get_deployment_history()
    assert deployment.facts.backup.id == context.facts.backup.id
    refute inspect(deployment, limit: :infinity) =~ "hunter2"
  end

  describe "a backup that fails" do
    setup %{context: context, repo: repo} do
      hang = fn _watch -> {:error, Error.new(:disk_full, "the disk is full")} end
      Application.put_env(:bloom, __MODULE__.Repo, Keyword.put(repo.config, :hooks, dump: hang))
      %{context: surveyed(context)}
    end

    test "is a reason not to migrate", %{context: context} do
      assert {:error, %Error{code: :disk_full, message: message}} = Backup.run(context)
      assert message == "no database was touched, as there is no backup: the disk is full"
    end

    test "is noted where none is required", %{context: context} do
      put_option(:database_backup_required, false)
      put_option(:require_backup_for_migrations, false)
      {{:ok, context}, log} = with_log(fn -> Backup.run(context) end)
      assert log =~ "migrates without a backup"
      assert notes(context) == "migrated without a backup (the disk is full)"
    end
  end

  test "with backups switched off, migrations want to be allowed without", %{context: context} do
    put_option(:database_backup_enabled, false)
    context = surveyed(context)
    assert {:error, %Error{code: :backup_required}} = Backup.run(context)
    put_option(:require_backup_for_migrations, false)
    assert {:ok, ^context} = Backup.run(context)
  end

  test "a database that is not there yet is asked again before anything is taken back", %{context: context} do
    {:ok, context} = Survey.run(context)
    {:ok, _context} = Migrate.run(context)
    FakeMigrator.change(%{unreachable: 2})

    log =
      capture_log(fn ->
        assert Migrate.happened?(context)
        assert {:ok, _context} = Migrate.undo(context)
      end)

    assert log =~ "cannot tell which migrations are applied, and asks again"
    assert FakeMigrator.applied() == []
  end

  test "one that does not answer at all leaves the migrations, and says so", %{context: context} do
    {:ok, context} = Survey.run(context)
    {:ok, _context} = Migrate.run(context)
    FakeMigrator.change(%{unreachable: 1_000_000})
    put_option(:database_migration_timeout_ms, 1)
    assert Migrate.happened?(context)
    assert {:error, %Error{code: :database_unreachable}} = Migrate.undo(context)
  end

  test "what cannot be rolled back without a backup says that there is none", %{context: context} do
    {:ok, context} = Survey.run(context)
    {:ok, _context} = Migrate.run(context)
    FakeMigrator.change(%{failing: [2]})
    assert {:error, %Error{code: :no_backup, message: message}} = Migrate.undo(context)

    assert message =~
             "could not be rolled back ({\"Garden.Repo\", 2} does not go that way): there is no backup to restore"
  end

  test "what only the release that is left has is rolled back after the commit", %{context: context} do
    {:ok, up} = Survey.run(context)
    {:ok, _up} = Migrate.run(up)
    # 1.0.0 had the first one only, and says so now; the running release still has both.
    back = %{context | version: "1.0.0", root: %{context.root | running: "1.1.0"}}
    schema = %{up: [], down: [%{repo: "Garden.Repo", version: 2, name: "m"}]}
    back = %{back | facts: %{schema: schema}}
    assert Revert.needed?(back)
    assert {:ok, back} = Revert.run(back)
    assert notes(back) =~ "migration 2 m of Garden.Repo rolled back"
    assert FakeMigrator.applied() == [1]
    assert {:ok, [%{version: 1}]} = MigrationTracker.run_by_bloom(:all)
  end
end
