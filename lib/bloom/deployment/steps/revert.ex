defmodule Bloom.Deployment.Steps.Revert do
  @moduledoc """
  Rolls back the migrations that Bloom ran for a later release and that the committed one does not have.

  After the commit, as until then a crash boots the release that needs them. When it fails, the release stays
  committed: it lives with the newer schema, as it did while that one was migrated.
  """

  use Bloom.Deployment.Step

  alias Bloom.Deployment.{Context, SchemaRollback}
  alias Bloom.{Error, MigrationTracker}

  @by_hand "take the migrations back by hand: Bloom.MigrationTracker.rollback_deployment_migrations(VERSION) rolls back " <>
             "those that were run for VERSION; until then the running release lives with the newer schema"

  @impl true
  def name, do: :revert

  @impl true
  def needed?(%Context{facts: facts}), do: match?(%{schema: %{down: [_one | _more]}}, facts)

  @impl true
  def run(%Context{facts: %{schema: %{down: down}}} = context) do
    running = context.root.running

    with {:ok, applied} <- SchemaRollback.applied(running, down),
         {:ok, context} <- SchemaRollback.run(context, running, applied, fn -> backup(context, down) end) do
      {:ok, context}
    else
      {:error, error} -> {:error, not_reverted(context, error)}
    end
  end

  # One of before all that is to go, those that are gone already included, and with all that has to stay.
  defp backup(context, down) do
    with {:ok, {backup, since}} <- MigrationTracker.backup_before(down),
         :ok <- complete(backup, down),
         {:ok, needed} <- needed(context, since) do
      if needed == [], do: {:ok, backup}, else: {:error, lacks(backup, needed, context)}
    end
  end

  defp complete(nil, down), do: {:error, no_backup("there is no backup of before #{SchemaRollback.names(down)}")}

  defp complete(backup, down) do
    case for(%{repo: repo} <- down, not Enum.any?(backup.databases, &(&1.repo == repo)), uniq: true, do: repo) do
      [] -> :ok
      repos -> {:error, no_backup("there is no backup of #{Enum.join(repos, ", ")} from then: #{backup.id} has none")}
    end
  end

  defp needed(_context, []), do: {:ok, []}

  defp needed(context, since) do
    with {:ok, applied} <- SchemaRollback.applied(context.version, since),
         do: {:ok, Enum.filter(applied, & &1.file)}
  end

  defp no_backup(message), do: Error.new(:no_backup, message, suggestions: [@by_hand])

  defp lacks(backup, needed, context) do
    Error.new(
      :backup_too_old,
      "backup #{backup.id} is of before #{SchemaRollback.names(needed)} as well, which release #{context.version} needs",
      suggestions: [@by_hand]
    )
  end

  defp not_reverted(context, error) do
    Error.new(
      :not_reverted,
      "release #{context.version} runs and is committed, but the migrations of #{context.root.running} are still applied: " <>
        error.message,
      suggestions: error.suggestions
    )
  end
end
