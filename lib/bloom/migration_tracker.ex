defmodule Bloom.MigrationTracker do
  @moduledoc """
  The migrations of releases: which are pending, running them, and taking them back.

      pending = Bloom.MigrationTracker.check_pending_migrations()
      {:ok, executed} = Bloom.MigrationTracker.run_pending_migrations()
      :ok = Bloom.MigrationTracker.rollback_deployment_migrations("1.2.3")

  Everything is done with the code and the resolved configuration of the release that it is about, in a VM beside the node that
  starts the repos and nothing else. What is about to be run is written down first, so that it can be told apart from what
  others ran: only what Bloom ran is ever rolled back by Bloom.

  These functions answer `{:error, message}`; those for deployments answer `{:error, %Bloom.Error{}}`.
  """

  alias Bloom.{Deployment, Error, Metadata, ReleaseHandler, Root}
  alias Bloom.DatabaseBackup.Repos
  alias Bloom.MigrationTracker.{Ask, Record}

  @typedoc """
  A migration. `repo` is the module's name (`"MyApp.Repo"`), `status` whether it is applied, `file` where the release has it, `nil`
  where it has not.
  """
  @type migration :: %{
          required(:repo) => String.t(),
          required(:version) => non_neg_integer(),
          required(:name) => String.t(),
          optional(:status) => :up | :down,
          optional(:file) => Path.t() | nil
        }

  @typedoc "A backup, as far as it has to be known to be restored."
  @type backup :: %{
          required(:id) => String.t(),
          required(:databases) => [%{repo: String.t()}],
          optional(atom()) => term()
        }

  @type repo_info :: Repos.repo_info()

  @type survey :: %{repos: [repo_info()], migrations: [migration()]}

  @doc "What tells a migration from every other one."
  @spec key(migration()) :: {String.t(), non_neg_integer()}
  def key(%{repo: repo, version: version}), do: {repo, version}

  @doc "The migrations of the running release that are not applied, oldest first."
  @spec check_pending_migrations() :: [migration()] | {:error, String.t()}
  def check_pending_migrations do
    case with({:ok, version} <- running(), do: pending(version)) do
      {:ok, pending} -> pending
      {:error, error} -> {:error, Error.to_message(error)}
    end
  end

  @doc "Runs the pending migrations of the running release, and answers those that were run. A deployment makes a backup first, this does not."
  @spec run_pending_migrations() :: {:ok, [migration()]} | {:error, String.t()}
  def run_pending_migrations do
    in_words(
      alone(:migrate, fn version ->
        with {:ok, pending} <- pending(version), do: run(version, pending)
      end)
    )
  end

  @doc """
  Rolls back the migrations that Bloom ran for release `version`, with that release's files.

  The running release must be able to live without them.
  """
  @spec rollback_deployment_migrations(String.t()) :: :ok | {:error, String.t()}
  def rollback_deployment_migrations(version) do
    rolled_back =
      alone(:roll_back_migrations, fn _running ->
        with {:ok, migrations} <- run_by_bloom(version), do: rollback(version, migrations)
      end)

    with {:ok, _migrations} <- in_words(rolled_back), do: :ok
  end

  @doc """
  The repos of release `version`, and every migration that is applied or among its files.

  With `end_leftovers: true` what an interrupted migration of this node still does in the database is ended first.
  """
  @spec survey(String.t(), end_leftovers: boolean()) :: {:ok, survey()} | {:error, Error.t()}
  def survey(version, opts \\ []), do: Ask.survey(version, opts)

  @doc "Runs migrations with the code of release `version`, oldest first. `backup` is the one that was made for that, if one was."
  @spec run(String.t(), [migration()], backup() | nil) :: {:ok, [migration()]} | {:error, Error.t()}
  def run(version, migrations, backup \\ nil)
  def run(_version, [], _backup), do: {:ok, []}

  def run(version, migrations, backup) do
    with :ok <- Record.save(version, :begun, migrations, %{backup: in_short(backup)}) do
      result = Ask.migrate(version, :run, keys(migrations))
      # Where nobody was left to tell, what was begun may have been done.
      with {:ok, done} <- done(result), do: Record.save(version, :ran, of_keys(migrations, done))
      answer(result, migrations, "ran")
    end
  end

  @doc "Rolls back migrations with the code of release `version`, newest first."
  @spec rollback(String.t(), [migration()]) :: {:ok, [migration()]} | {:error, Error.t()}
  def rollback(_version, []), do: {:ok, []}

  def rollback(version, migrations) do
    result = Ask.migrate(version, :rollback, keys(migrations))
    with {:ok, done} <- done(result), do: Record.save(version, :rolled_back, of_keys(migrations, done))
    answer(result, migrations, "were rolled back")
  end

  @doc "The migrations that Bloom ran for a release (or for `:all`) and that nothing took back since, oldest first."
  @spec run_by_bloom(String.t() | :all) :: {:ok, [migration()]} | {:error, Error.t()}
  def run_by_bloom(version) do
    with {:ok, standing} <- Record.standing() do
      {:ok, for({ran_for, migration} <- standing, version in [:all, ran_for], do: migration)}
    end
  end

  @doc """
  The backup that was made before the first of some migrations was run by Bloom, or `nil`, and what Bloom has run since then
  and nothing took back: that is not in this backup either.
  """
  @spec backup_before([migration()]) :: {:ok, {backup() | nil, [migration()]}} | {:error, Error.t()}
  def backup_before(migrations) do
    with {:ok, events} <- Metadata.migration_events(), do: {:ok, Record.before(events, keys(migrations))}
  end

  @doc "Writes down that a backup of before some migrations was restored."
  @spec forget(String.t(), [migration()]) :: :ok | {:error, Error.t()}
  def forget(_version, []), do: :ok
  def forget(version, migrations), do: Record.save(version, :restored, migrations)

  # The events of all times are read in every deployment.
  defp in_short(nil), do: nil

  defp in_short(%{id: id, databases: databases}),
    do: %{id: id, databases: for(one <- databases, do: Map.take(one, [:repo]))}

  defp pending(version) do
    with {:ok, survey} <- survey(version) do
      {:ok, for(%{status: :down} = migration <- survey.migrations, do: migration)}
    end
  end

  defp running do
    case {Root.release?(), ReleaseHandler.running()} do
      {true, {:ok, %{version: version}}} -> {:ok, version}
      {true, :error} -> {:error, Error.no_running_release()}
      # Where no release runs, it is about this VM's own code.
      {false, _none} -> {:ok, "0.0.0"}
    end
  end

  # Beside a deployment two would migrate at once.
  defp alone(operation, fun) do
    if Root.release?(), do: Deployment.alone(operation, &fun.(&1.running)), else: fun.("0.0.0")
  end

  defp done({:ok, done}), do: {:ok, done}
  defp done({:error, %Error{details: %{done: done}}}), do: {:ok, done}
  defp done({:error, _nobody_can_tell}), do: :unknown

  defp answer({:ok, done}, migrations, _verb), do: {:ok, of_keys(migrations, done)}

  defp answer({:error, error}, migrations, verb) do
    case done({:error, error}) do
      {:ok, [_one | _more] = done} ->
        names = migrations |> of_keys(done) |> Enum.map_join(", ", &"#{&1.version} #{&1.name}")
        {:error, %{error | message: "#{error.message} (before that #{names} of #{length(migrations)} #{verb})"}}

      _none ->
        {:error, error}
    end
  end

  defp keys(migrations), do: Enum.map(migrations, &key/1)

  defp of_keys(migrations, keys), do: Enum.filter(migrations, &(key(&1) in keys))

  defp in_words({:error, %Error{} = error}), do: {:error, Error.to_message(error)}
  defp in_words(answer), do: answer
end
