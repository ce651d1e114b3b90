defmodule Bloom.Deployment.RevertTest do
  # Which backup the way back restores, and when it restores none, on a database of text that has its migrations in it.
  use Bloom.Test.FakeBackend, async: false

  alias Bloom.DatabaseBackup.Repos
  alias Bloom.Deployment.Context
  alias Bloom.Deployment.Steps.{Backup, Migrate, Revert, Survey}
  alias Bloom.MigrationTracker
  alias Bloom.Test.FakeMigrator

  defmodule Repo do
    def __adapter__, do: Bloom.Test.FakeAdapter
    def config, do: Application.fetch_env!(:bloom, __MODULE__)
  end

  setup %{repo: repo, backups: backups, live: live} do
    put_option(:database_migrator, FakeMigrator)
    put_option(:database_backup_directory, backups)
    put_option(:database_migration_timeout_ms, 3_000)
    put_option(:database_migration_rollback_strategy, :backup_only)
    start_supervised!({FakeMigrator, files: []})
    FakeMigrator.change(%{repo: inspect(Repo), live: live})
    Application.put_env(:bloom, :ecto_repos, [Repo])
    Application.put_env(:bloom, Repo, repo.config)
    on_exit(fn -> for key <- [:ecto_repos, Repo], do: Application.delete_env(:bloom, key) end)

    {:ok, id} = Metadata.start_deployment(%{operation: :switch, version: "1.1.0", from_version: "1.0.0"})
    root = %Root{path: "", name: "garden", running: "1.0.0"}
    %{context: %Context{id: id, operation: :switch, version: "1.1.0", root: root}}
  end

  # As a deployment to `version` with these files does it, up to the switch. Answers the backup.
  defp deploy(context, version, files) do
    FakeMigrator.change(%{files: files})
    context = %{context | version: version, facts: %{}}
    {:ok, context} = Survey.run(context)
    {:ok, repos} = Repos.running()
    {:ok, context} = Backup.run(%{context | repos: repos})
    {:ok, context} = Migrate.run(context)
    context.facts.backup
  end

  # The way back from `running` to `version`, whose files those are, without these migrations.
  defp revert(context, running, version, files, down) do
    FakeMigrator.change(%{files: files})
    down = for number <- down, do: %{repo: inspect(Repo), version: number, name: "m"}

    context = %{
      context
      | version: version,
        root: %{context.root | running: running},
        facts: %{schema: %{up: [], down: down}}
    }

    with_log(fn -> Revert.run(context) end)
  end

  defp by_hand(version) do
    {:ok, backup} = DatabaseBackup.create_backup(version)
    backup
  end

  defp write(live, row), do: File.write!(live, row <> "\n", [:append])

  # By Bloom's own record.
  defp standing do
    {:ok, migrations} = MigrationTracker.run_by_bloom(:all)
    for %{version: version} <- migrations, do: version
  end

  test "what is restored is from before the migration, whatever was saved under that version since", context do
    %{context: context, live: live} = context
    before = deploy(context, "1.1.0", [1])
    write(live, "oak")
    by_hand("1.1.0")

    assert {{:ok, back}, _log} = revert(context, "1.1.0", "1.0.0", [1], [1])
    assert Context.notes_text(back) =~ "backup #{before.id} restored (the strategy :backup_only says so)"
    assert File.read!(live) == "rose\ntulip\n"
    assert standing() == []
  end

  test "over two releases it is from before the first of their migrations", %{context: context, live: live} do
    before = deploy(context, "1.1.0", [1])
    deploy(context, "1.2.0", [1, 2])

    assert {{:ok, back}, _log} = revert(context, "1.2.0", "1.0.0", [1, 2], [1, 2])
    assert Context.notes_text(back) =~ "backup #{before.id} restored"
    assert File.read!(live) == "rose\ntulip\n"
    assert standing() == []
  end

  test "a migration that was taken back and run again counts by the last time", %{context: context} do
    deploy(context, "1.1.0", [1])
    {:ok, _rolled_back} = MigrationTracker.rollback("1.1.0", [%{repo: inspect(Repo), version: 1, name: "m"}])
    before = deploy(context, "1.1.0", [1])

    assert {{:ok, back}, _log} = revert(context, "1.1.0", "1.0.0", [1], [1])
    assert Context.notes_text(back) =~ "backup #{before.id} restored"
  end

  test "where rolling back comes half-way it is from before all of them", %{context: context, live: live} do
    put_option(:database_migration_rollback_strategy, :ecto_first)
    before = deploy(context, "1.1.0", [2])
    deploy(context, "1.2.0", [1, 2])
    by_hand("1.2.0")
    FakeMigrator.change(%{failing: [1]})

    assert {{:ok, back}, _log} = revert(context, "1.2.0", "1.0.0", [1, 2], [1, 2])
    assert Context.notes_text(back) =~ "backup #{before.id} restored"
    assert File.read!(live) == "rose\ntulip\n"
    assert standing() == []
  end

  test "one that goes with it and that no release has any more is not recorded either", %{context: context} do
    deploy(context, "1.1.0", [1])
    deploy(context, "1.2.0", [1, 2])
    assert {{:ok, _back}, _log} = revert(context, "1.1.0", "1.0.0", [1], [1])
    assert FakeMigrator.applied() == []
    assert standing() == []
  end

  test "nothing is restored that would take along what the release needs", %{context: context, live: live} do
    before = deploy(context, "1.1.0", [1])
    deploy(context, "1.2.0", [1, 2])
    content = File.read!(live)

    assert {{:error, %Error{code: :not_reverted, message: message, suggestions: [next]}}, _log} =
             revert(context, "1.2.0", "1.0.0", [2], [1])

    assert message =~
             "backup #{before.id} is of before migration 2 m of #{inspect(Repo)} as well, which release 1.0.0 needs"

    assert next =~ "Bloom.MigrationTracker.rollback_deployment_migrations"
    assert File.read!(live) == content
    assert standing() == [1, 2]
  end

  test "nothing is asked of a backup that is not restored", %{context: context} do
    deploy(context, "1.1.0", [1])
    deploy(context, "1.2.0", [1, 2])

    # It stays, is rolled back, and is gone: one survey each, of what is applied.
    for {strategy, left} <- [skip: [1, 2], ecto_first: [2], ecto_first: [2]] do
      put_option(:database_migration_rollback_strategy, strategy)
      before = FakeMigrator.surveys()
      assert {{:ok, _back}, _log} = revert(context, "1.2.0", "1.0.0", [1, 2], [1])
      assert FakeMigrator.surveys() == before + 1
      assert FakeMigrator.applied() == left
    end
  end

  test "nothing is restored where no backup was made before the migration", %{context: context, live: live} do
    {:ok, _ran} = MigrationTracker.run("1.1.0", [%{repo: inspect(Repo), version: 1, name: "m"}])
    by_hand("1.1.0")
    content = File.read!(live)

    assert {{:error, %Error{code: :not_reverted, message: message, suggestions: [next]}}, _log} =
             revert(context, "1.1.0", "1.0.0", [1], [1])

    assert message =~ "there is no backup of before migration 1 m of #{inspect(Repo)}"
    assert next =~ "rollback_deployment_migrations"
    assert File.read!(live) == content
    assert standing() == [1]
  end

  test "nothing is restored where the backup of before has not all of their databases", context do
    %{context: context, live: live} = context
    others = "Other.Repo"
    migrations = for {repo, number} <- [{inspect(Repo), 1}, {others, 2}], do: %{repo: repo, version: number, name: "m"}
    {:ok, _ran} = MigrationTracker.run("1.1.0", migrations, by_hand("1.1.0"))
    content = File.read!(live)

    back = %{
      context
      | version: "1.0.0",
        root: %{context.root | running: "1.1.0"},
        facts: %{schema: %{down: migrations}}
    }

    assert {:error, %Error{code: :not_reverted, message: message}} = Revert.run(back)
    assert message =~ "there is no backup of #{others} from then"
    assert File.read!(live) == content
  end

  test "a backup that is gone is none, and none is said to be restored", %{context: context, live: live} do
    before = deploy(context, "1.1.0", [1])
    by_hand("1.1.0")
    :ok = DatabaseBackup.delete_backup(before.id)
    content = File.read!(live)

    assert {{:error, %Error{code: :not_reverted, message: message}}, _log} = revert(context, "1.1.0", "1.0.0", [1], [1])

    assert message =~ "there is no backup of #{before.id}"
    assert File.read!(live) == content
    {:ok, deployment} = Metadata.get_deployment(context.id)
    refute is_map_key(deployment.facts, :restored)
  end

  test "what is applied after the restore is not recorded as taken back", %{context: context, repo: repo} do
    deploy(context, "1.1.0", [1])
    restores_nothing = fn _watch -> {:ok, %{replaced: nil}} end
    Application.put_env(:bloom, Repo, Keyword.put(repo.config, :hooks, restore: restores_nothing))

    assert {{:error, %Error{code: :not_reverted, message: message}}, _log} = revert(context, "1.1.0", "1.0.0", [1], [1])

    assert message =~ "was restored, and the database still has migration 1 m of #{inspect(Repo)}"
    assert standing() == [1]
  end
end
