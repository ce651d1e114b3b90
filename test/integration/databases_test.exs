defmodule Bloom.Integration.DatabasesTest do
  # Deployments of releases with migrations, on a real PostgreSQL. Garden's code of each version fails on another schema.
  use ExUnit.Case

  import Bloom.Test.ReleaseCase

  alias Bloom.Test.{DatabaseRelease, Load, Node, Postgres}

  @moduletag :integration
  @moduletag timeout: 240_000

  @store "20260101000000"
  @rain "20260201000000"

  setup context do
    root = Path.join(System.tmp_dir!(), "bloom-garden-db-#{System.pid()}-#{System.unique_integer([:positive])}")
    on_exit(fn -> File.rm_rf!(root) end)
    database = Postgres.database!()
    opts = [env: Map.get(context, :env, []), restart: Map.get(context, :restart, false)]
    node = DatabaseRelease.start!(root, database, opts)
    on_exit(fn -> Node.await_down(node) end)
    assert Node.get(node, "/put?name=first") == "stored"
    %{node: node, root: root, database: database}
  end

  defp applied(database), do: DatabaseRelease.applied(database)
  defp call(node, module, function, arguments \\ []), do: Node.rpc(node, module, function, arguments)

  defp last_deployment(node) do
    {:ok, [deployment | _]} = call(node, Bloom.Metadata, :get_deployment_history)
    deployment
  end

  defp steps(deployment), do: for(%{phase: :run, step: step} <- deployment.steps, do: step)

  # The switch to a version that has been installed, and what the history says of it.
  defp deploy(node, version) do
    :ok = install(node, version)
    answer = switch(node, version)
    {answer, last_deployment(node)}
  end

  # A table that somebody reads in a transaction: a backup does not mind, a migration waits, and all who come after it.
  defp hold(database) do
    holder = Postgres.connect!(database)
    Port.command(holder, "BEGIN; SELECT 'held' FROM store;\n")
    assert_receive {^holder, {:data, "held\n"}}, 10_000
    holder
  end

  defp waiting?(database) do
    Postgres.query!(database, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER%'") !=
      []
  end

  defp await(condition), do: if(not condition.(), do: receive(after: (20 -> await(condition))))

  test "migrations are run before the switch, after a backup, and taken back after the rollback", context do
    %{node: node, database: database} = context

    {answers, load} =
      Load.during(node.http_port, fn ->
        {up, deployment} = deploy(node, "2.1.0-db")
        seen = {running(node), applied(database), Node.get(node, "/put?name=second"), Node.get(node, "/store")}
        {up, deployment, seen, rollback(node)}
      end)

    assert {:ok, deployment, {"2.1.0-db", [@store, @rain], "stored", "first 1 \nsecond 1 2"}, :ok} = answers
    assert load.failures == []
    assert [:plan, :rehearse, :survey, :backup, :migrate, :switch, :probation, :commit] = steps(deployment)
    assert {:ok, %{verified: :restored}} = call(node, Bloom.Metadata, :get_backup_info, ["2.1.0-db"])
    assert {:ok, [_rolled_back, %{event: :ran}, %{event: :begun}]} = migration_info(node, "2.1.0-db")

    assert running(node) == "2.0.0-db"
    assert applied(database) == [@store]
    assert Node.get(node, "/store") == "first 1\nsecond 1"
    deployment = last_deployment(node)
    assert List.last(steps(deployment)) == :revert
    assert deployment.reason =~ "migration #{@rain} add_rain of Garden.Repo rolled back"
  end

  defp migration_info(node, version), do: call(node, Bloom.Metadata, :get_migration_info, [version])

  test "migrations are checked, run and rolled back by hand", %{node: node, database: database} do
    assert {:ok, _deployment} = deploy(node, "2.1.0-db")
    assert call(node, Bloom.MigrationTracker, :check_pending_migrations) == []
    assert :ok = call(node, Bloom.MigrationTracker, :rollback_deployment_migrations, ["2.1.0-db"])
    assert applied(database) == [@store]
    assert [%{name: "add_rain", status: :down}] = call(node, Bloom.MigrationTracker, :check_pending_migrations)
    assert {:ok, [%{name: "add_rain"}]} = call(node, Bloom.MigrationTracker, :run_pending_migrations)
    assert applied(database) == [@store, @rain]
  end

  test "one that fails halfway leaves none, and says which", %{node: node, database: database} do
    assert {{:error, message}, deployment} = deploy(node, "2.2.0-halfway")
    assert message =~ "nowhere"
    assert message =~ "before that 20260201000000 add_rain, 20260301000000 add_snow of 3 ran"
    assert %{outcome: :failed} = deployment
    assert applied(database) == [@store]
    assert running(node) == "2.0.0-db"
    assert Node.get(node, "/store") == "first 1"
    assert {:ok, %{outcome: :committed}} = deploy(node, "2.1.0-db")
  end

  test "an unhealthy release takes its migrations back with it", %{node: node, database: database} do
    assert {{:error, message}, %{outcome: :taken_back}} = deploy(node, "2.2.0-unhealthy")
    assert message =~ "was taken back, 2.0.0-db runs"
    assert message =~ "rolled back"
    assert applied(database) == [@store]
    assert Node.get(node, "/store") == "first 1"
  end

  @tag restart: true, env: [{"GARDEN_RESTARTED_BY", "the test"}]
  test "so does one that does not pass its trial after a restart", %{node: node, database: database} do
    :ok = install(node, "2.2.0-unhealthy")
    assert {:ok, :restarting} = switch(node, "2.2.0-unhealthy", mode: :restart)
    # The trial, and the release that was permanent all the time.
    assert :ok = Node.await_start(node, 3)
    await(fn -> last_deployment(node).outcome != nil end)
    assert %{outcome: :taken_back, mode: :restart} = last_deployment(node)
    assert running(node) == "2.0.0-db"
    assert applied(database) == [@store]
    assert Node.get(node, "/store") == "first 1"
  end

  test "what cannot be rolled back is restored, and the history says what that discards", context do
    %{node: node, database: database} = context
    assert {:ok, _deployment} = deploy(node, "2.1.0-db")
    :ok = install(node, "2.2.0-oneway")
    {:ok, plan} = call(node, Bloom.ReleaseManager, :plan_release, ["2.2.0-oneway"])
    assert [%{code: "column_removed", application: "garden", message: warning}] = plan.warnings
    assert warning =~ "forget_rain.exs:4 removes a column by SQL"

    assert {:error, message} = switch(node, "2.2.0-oneway")
    deployment = last_deployment(node)
    assert [%{code: "column_removed"}] = deployment.plan.warnings
    assert message =~ "forget_rain.exs has neither down/0 nor change/0"
    assert deployment.reason =~ ~r/backup 2\.2\.0-oneway-\S+ restored .*, which discards up to \d+ transactions/
    assert %{restored: %{discards: [%{unit: :transactions}]}} = deployment.facts
    assert applied(database) == [@store, @rain]
    assert running(node) == "2.1.0-db"
    assert Node.get(node, "/store") == "first 1 "
    assert Node.get(node, "/put?name=after") == "stored"
  end

  @tag env: [{"GARDEN_ROLLBACK_STRATEGY", "backup_only"}]
  test "by the strategy :backup_only it is always restored", %{node: node, database: database} do
    assert {{:error, message}, _deployment} = deploy(node, "2.2.0-unhealthy")
    assert message =~ "restored (the strategy :backup_only says so)"
    assert applied(database) == [@store]
    assert Node.get(node, "/store") == "first 1"

    # On the way back as well, and not what was backed up under that version later.
    assert {:ok, _deployment} = deploy(node, "2.1.0-db")
    assert {:ok, %{id: before}} = call(node, Bloom.Metadata, :get_backup_info, ["2.1.0-db"])
    assert {:ok, _later} = call(node, Bloom.DatabaseBackup, :create_backup, ["2.1.0-db"])
    assert :ok = rollback(node)
    assert last_deployment(node).reason =~ "backup #{before} restored (the strategy :backup_only says so)"
    assert applied(database) == [@store]
    assert Node.get(node, "/store") == "first 1"
  end

  @tag env: [{"GARDEN_ROLLBACK_STRATEGY", "skip"}]
  test "by the strategy :skip migrations stay, and the history says so", %{node: node, database: database} do
    assert {{:error, message}, _deployment} = deploy(node, "2.2.0-unhealthy")
    assert message =~ "stayed applied, as the strategy :skip says"
    assert [@store, @rain, _snow] = applied(database)
    assert running(node) == "2.0.0-db"
    assert Node.get(node, "/store") == "first 1"
  end

  @tag env: [{"GARDEN_MIGRATION_TIMEOUT_MS", "3000"}]
  test "one that waits for too long is ended, also in the database", %{node: node, database: database} do
    holder = hold(database)
    assert {{:error, message}, _deployment} = deploy(node, "2.1.0-db")
    assert message =~ "a table or the migration lock of Garden.Repo was not free in time"
    refute waiting?(database)
    Port.close(holder)
    assert applied(database) == [@store]
    assert running(node) == "2.0.0-db"
  end

  @tag restart: true
  test "kill -9 in the middle of a migration comes back with the old schema", %{node: node, database: database} do
    holder = hold(database)
    :ok = install(node, "2.1.0-db")
    asked = Task.async(fn -> catch_error(switch(node, "2.1.0-db")) end)
    await(fn -> waiting?(database) end)
    assert :ok = Node.kill(node)
    Task.await(asked)
    Port.close(holder)
    await(fn -> call(node, Bloom, :status) == :idle end)

    assert %{outcome: :failed, reason: reason} = last_deployment(node)
    assert reason =~ "interrupted in step migrate"
    assert applied(database) == [@store]
    assert {:ok, %{outcome: :committed}} = deploy(node, "2.1.0-db")
    assert applied(database) == [@store, @rain]
  end

  @tag env: [{"GARDEN_MIGRATION_TIMEOUT_MS", "2000"}]
  test "without its database nothing is switched, and no password is shown", %{node: node, database: database} do
    secret = "geheim-#{System.unique_integer([:positive])}"

    config =
      Keyword.merge(database, database: "not_there", password: secret, url: "ecto://u:#{secret}@localhost/not_there")

    call(node, Application, :put_env, [:garden, Garden.Repo, config])
    assert :ok = install(node, "2.1.0-db")
    # The VM beside has the configuration of its release: what it is given there counts.
    assert {:error, message} = call(node, Bloom.DatabaseBackup, :create_backup, ["2.1.0-db"])
    assert message =~ "not_there"
    refute message =~ secret
    refute Node.log(node) =~ secret
  end
end
