defmodule Bloom.Deployment.SchemaRollback do
  @moduledoc """
  Takes migrations back by the option `database_migration_rollback_strategy`:

    * `:ecto_first` - rolled back; where that fails, the backup is restored;
    * `:backup_only` - the backup is restored;
    * `:skip` - they stay.

  A restore throws away what was written since the backup; how much stands in the history before it begins. What it has
  taken back the database is asked, before the record says so.
  """

  require Logger

  alias Bloom.{Config, DatabaseBackup, Error, MigrationTracker}
  alias Bloom.Deployment.Context

  @typedoc "Asked for only where it is to be restored: to find it may take as long as a migration."
  @type backup :: (() -> {:ok, MigrationTracker.backup()} | {:error, Error.t()})

  # Between two attempts to reach a database that may be starting as well, after a power cut.
  @pause_ms 1_000

  @doc """
  Those of some migrations that are applied, by the code of release `version`.

  A database that does not answer is asked again for as long as a migration may take.
  """
  @spec applied(String.t(), [MigrationTracker.migration()]) ::
          {:ok, [MigrationTracker.migration()]} | {:error, Error.t()}
  def applied(version, migrations) do
    applied(version, migrations, now() + Config.get(:database_migration_timeout_ms))
  end

  defp applied(version, migrations, deadline) do
    keys = Enum.map(migrations, &MigrationTracker.key/1)

    case MigrationTracker.survey(version, end_leftovers: true) do
      {:ok, survey} ->
        {:ok, for(%{status: :up} = found <- survey.migrations, MigrationTracker.key(found) in keys, do: found)}

      {:error, error} ->
        if now() + @pause_ms < deadline do
          Logger.warning("Bloom cannot tell which migrations are applied, and asks again: #{error.message}")
          receive after: (@pause_ms -> applied(version, migrations, deadline))
        else
          {:error, error}
        end
    end
  end

  @doc """
  Takes migrations back, with the code of release `version`. `backup` answers one of before they were run, or why there
  is none.
  """
  @spec run(Context.t(), String.t(), [MigrationTracker.migration()], backup()) ::
          {:ok, Context.t()} | {:error, Error.t()}
  def run(context, _version, [], _backup), do: {:ok, context}

  def run(context, version, migrations, backup) do
    case Config.get(:database_migration_rollback_strategy) do
      :skip -> {:ok, Context.note(context, "#{names(migrations)} stayed applied, as the strategy :skip says")}
      :backup_only -> restore(context, version, backup, migrations, "the strategy :backup_only says so")
      :ecto_first -> roll_back(context, version, migrations, backup)
    end
  end

  defp roll_back(context, version, migrations, backup) do
    case MigrationTracker.rollback(version, migrations) do
      {:ok, rolled_back} ->
        {:ok, Context.note(context, "#{names(rolled_back)} rolled back")}

      {:error, error} ->
        with {:error, other} <- restore(context, version, backup, migrations, error.message) do
          message = "#{names(migrations)} could not be rolled back (#{error.message}): #{other.message}"
          {:error, %{other | message: message}}
        end
    end
  end

  defp restore(context, version, backup, migrations, why) do
    with {:ok, backup} <- backup.(),
         {:ok, {discards, how_much}} <- discards(backup),
         text = "backup #{backup.id} restored (#{why}), which discards #{how_much}",
         facts = %{restored: %{backup: backup.id, discards: discards}},
         {:ok, context} <- Context.keep_facts(Context.note(context, text), facts),
         Logger.warning("Bloom: #{text}"),
         {:ok, _restored} <- DatabaseBackup.restore(backup, %{}),
         :ok <- restored(version, backup, migrations) do
      {:ok, context}
    end
  end

  # A database that cannot be read any more is one to be restored, too.
  defp discards(backup) do
    case DatabaseBackup.discards(backup) do
      {:ok, discards} -> {:ok, {discards, DatabaseBackup.describe_discards(discards)}}
      {:error, %Error{code: code} = error} when code in [:no_backup, :no_such_repo] -> {:error, error}
      {:error, error} -> {:ok, {:unknown, "nobody knows how much (#{error.message})"}}
    end
  end

  # With the database went whatever else was run there since the backup.
  defp restored(version, backup, migrations) do
    repos = for database <- backup.databases, do: database.repo

    with {:ok, known} <- MigrationTracker.run_by_bloom(:all),
         touched = Enum.uniq_by(migrations ++ Enum.filter(known, &(&1.repo in repos)), &MigrationTracker.key/1),
         {:ok, applied} <- applied(version, touched),
         left = Enum.map(applied, &MigrationTracker.key/1),
         :ok <- MigrationTracker.forget(version, Enum.reject(touched, &(MigrationTracker.key(&1) in left))) do
      case Enum.filter(migrations, &(MigrationTracker.key(&1) in left)) do
        [] -> :ok
        stayed -> {:error, still_applied(backup, stayed)}
      end
    end
  end

  defp still_applied(backup, stayed) do
    Error.new(:still_applied, "backup #{backup.id} was restored, and the database still has #{names(stayed)}",
      suggestions: [
        "look for an earlier one in Bloom.DatabaseBackup.list_backups/0, or take the migrations back by hand"
      ]
    )
  end

  @doc "Migrations in words."
  @spec names([MigrationTracker.migration()]) :: String.t()
  def names(migrations), do: Enum.map_join(migrations, ", ", &"migration #{&1.version} #{&1.name} of #{&1.repo}")

  defp now, do: System.monotonic_time(:millisecond)
end
