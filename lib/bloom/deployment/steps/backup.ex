defmodule Bloom.Deployment.Steps.Backup do
  @moduledoc """
  Backs up the databases that the deployment migrates. Without migrations there is nothing to do.

  A backup that was made stays when the deployment is taken back: it does no harm, and retention removes it.
  """

  use Bloom.Deployment.Step

  require Logger

  alias Bloom.{Config, DatabaseBackup, Error}
  alias Bloom.Deployment.Context

  @impl true
  def name, do: :backup

  @impl true
  def needed?(%Context{facts: facts}), do: is_map_key(facts, :schema)

  @impl true
  def run(%Context{} = context) do
    if Config.get(:database_backup_enabled), do: back_up(context, databases(context)), else: without(context)
  end

  defp databases(%{facts: %{schema: %{up: up, down: down}}, repos: repos}) do
    touched = for migration <- up ++ down, uniq: true, do: migration.repo
    Enum.filter(repos, &(&1.repo in touched))
  end

  defp back_up(context, databases) do
    case DatabaseBackup.create(context.version, databases, context.watch) do
      {:ok, backup} ->
        Context.keep_facts(context, %{backup: backup})

      {:error, %Error{code: :cancelled} = error} ->
        {:error, error}

      {:error, error} ->
        if Config.get(:database_backup_required) or Config.get(:require_backup_for_migrations) do
          {:error, %{error | message: "no database was touched, as there is no backup: #{error.message}"}}
        else
          Logger.warning("Bloom migrates without a backup: #{Error.to_message(error)}")
          {:ok, Context.note(context, "migrated without a backup (#{error.message})")}
        end
    end
  end

  defp without(context) do
    if Config.get(:require_backup_for_migrations) do
      {:error,
       Error.new(
         :backup_required,
         "release #{context.version} has migrations, and backups are switched off",
         suggestions: [
           "set config :bloom, database_backup_enabled: true, or require_backup_for_migrations: false to migrate without"
         ]
       )}
    else
      {:ok, context}
    end
  end
end
