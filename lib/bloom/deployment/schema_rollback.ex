defmodule Bloom.Deployment.SchemaRollback do
  @moduledoc """
  Takes migrations back by the option `database_migration_rollback_strategy`:

    * `:ecto_first` - rolled back; where that fails, the backup is restored;
    * `:backup_only` - the backup is restored;
    * `:skip` - they stay.

  A restore throws away what was written since the backup; how much stands in the history before it begins.
  """

  require Logger

  alias Bloom.{Config, DatabaseBackup, Error, MigrationTracker}
  alias Bloom.Deployment.Context

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

  @doc "Takes migrations back, with the code of release `version`. `backup` is one of before they were run, if there is one."
  @spec run(Context.t(), String.t(), [MigrationTracker.migration()], DatabaseBackup.info() | nil) ::
          {:ok, Context.t()} | {:error, Error.t()}
  def run(context, _version, [], _backup), do: {:ok, context}

  def run(context, version, migrations, backup) do
    case Config.get(:database_migration_rollback_strategy) do
      :skip -> {:ok, Context.note(context, "#{names(migrations)} stayed applied, as the strategy :skip says")}
      :backup_only -> restore(context, backup, migrations, "the strategy :backup_only says so")
      :ecto_first -> roll_back(context, version, migrations, backup)
    end
  end

  defp roll_back(context, version, migrations, backup) do
    case MigrationTracker.rollback(version, migrations) do
      {:ok, rolled_back} ->
        {:ok, Context.note(context, "#{names(rolled_back)} rolled back")}

      {:error, error} ->
        with {:error, other} <- restore(context, backup, migrations, error.message) do
          message = "#{names(migrations)} could not be rolled back (#{error.message}): #{other.message}"
          {:error, %{other | message: message}}
        end
    end
  end

  defp restore(_context, nil, _migrations, _why) do
    {:error,
     Error.new(:no_backup, "there is no backup to restore",
       suggestions: ["take the migrations back by hand; the running release lives with the newer schema until then"]
     )}
  end

  defp restore(context, backup, migrations, why) do
    {discards, how_much} = discards(backup)
    text = "backup #{backup.id} restored (#{why}), which discards #{how_much}"
    facts = %{restored: %{backup: backup.id, discards: discards}}

    with {:ok, context} <- Context.keep_facts(Context.note(context, text), facts),
         Logger.warning("Bloom: #{text}"),
         {:ok, _restored} <- DatabaseBackup.restore(backup, %{}),
         :ok <- MigrationTracker.forget(context.version, migrations) do
      {:ok, context}
    end
  end

  # A database that cannot be read any more is one to be restored, too.
  defp discards(backup) do
    case DatabaseBackup.discards(backup) do
      {:ok, discards} -> {discards, DatabaseBackup.describe_discards(discards)}
      {:error, error} -> {:unknown, "nobody knows how much (#{error.message})"}
    end
  end

  defp names(migrations), do: Enum.map_join(migrations, ", ", &"migration #{&1.version} #{&1.name} of #{&1.repo}")

  defp now, do: System.monotonic_time(:millisecond)
end
