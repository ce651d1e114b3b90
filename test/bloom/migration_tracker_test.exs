defmodule Bloom.MigrationTrackerTest do
  use Bloom.Test.FakeRootCase, async: false

  alias Bloom.MigrationTracker
  alias Bloom.MigrationTracker.{Answer, Record}
  alias Bloom.Test.FakeMigrator

  doctest Record
  doctest Bloom.Secrets

  setup context do
    put_option(:database_migrator, FakeMigrator)
    start_supervised!({FakeMigrator, files: [1, 2, 3], failing: Map.get(context, :failing, [])})
    {:ok, survey} = MigrationTracker.survey("1.1.0")
    %{migrations: survey.migrations}
  end

  defp versions(migrations), do: Enum.map(migrations, & &1.version)

  defp by_bloom(version) do
    {:ok, migrations} = MigrationTracker.run_by_bloom(version)
    versions(migrations)
  end

  test "pending ones are told, run, and known as Bloom's until they are rolled back" do
    assert versions(MigrationTracker.check_pending_migrations()) == [1, 2, 3]
    assert {:ok, ran} = MigrationTracker.run_pending_migrations()
    assert versions(ran) == [1, 2, 3]
    assert MigrationTracker.check_pending_migrations() == []
    assert by_bloom(:all) == [1, 2, 3]

    assert {:ok, [_one]} = MigrationTracker.rollback("1.1.0", [List.last(ran)])
    assert by_bloom(:all) == [1, 2]
    assert FakeMigrator.applied() == [1, 2]
  end

  test "of a version those are rolled back that were run for it", %{migrations: [one, two, three]} do
    {:ok, _ran} = MigrationTracker.run("1.1.0", [one])
    {:ok, _ran} = MigrationTracker.run("1.2.0", [two, three])
    assert by_bloom("1.2.0") == [2, 3]
    assert :ok = MigrationTracker.rollback_deployment_migrations("1.2.0")
    assert FakeMigrator.applied() == [1]
    assert by_bloom("1.2.0") == []
    assert by_bloom("1.1.0") == [1]
  end

  test "what others ran is not Bloom's" do
    FakeMigrator.change(%{applied: [1, 2, 3]})
    assert :ok = MigrationTracker.rollback_deployment_migrations("1.1.0")
    assert FakeMigrator.applied() == [1, 2, 3]
  end

  @tag failing: [2]
  test "of a run that fails, what ran is told and remembered", %{migrations: migrations} do
    assert {:error, error} = MigrationTracker.run("1.1.0", migrations)
    assert error.message == ~s|{"Garden.Repo", 2} does not go that way (before that 1 m of 3 ran)|
    assert by_bloom("1.1.0") == [1]
    assert {:ok, [%{event: :ran}, %{event: :begun}]} = Bloom.Metadata.get_migration_info("1.1.0")
  end

  @tag failing: [2]
  test "of a rollback that fails, what was rolled back is told", %{migrations: migrations} do
    FakeMigrator.change(%{failing: []})
    {:ok, _ran} = MigrationTracker.run("1.1.0", migrations)
    FakeMigrator.change(%{failing: [2]})
    assert {:error, message} = MigrationTracker.rollback_deployment_migrations("1.1.0")
    assert message =~ "before that 3 m of 3 were rolled back"
    assert by_bloom("1.1.0") == [1, 2]
  end

  test "secrets are taken out of what is said" do
    FakeMigrator.change(%{unreachable: 1})
    assert {:error, "no connection as [hidden]: fix it"} = MigrationTracker.check_pending_migrations()
  end

  defmodule Raising do
    def secrets(_request), do: raise("the password is hunter2")
  end

  test "a configuration that raises is told without what it says" do
    put_option(:database_migrator, Raising)
    assert {:error, %{message: message}} = Answer.answer(:survey, %{apps: []}, fn _secrets -> :ok end)
    assert message == "the configuration of its repos failed with RuntimeError"
  end

  test "without a library for migrations there are none" do
    put_option(:database_migrator, nil)
    assert MigrationTracker.check_pending_migrations() == []
    assert {:ok, []} = MigrationTracker.run_pending_migrations()
  end
end
