defmodule Bloom.Deployment.Steps.Revert do
  @moduledoc """
  Rolls back the migrations that Bloom ran for a later release and that the committed one does not have.

  After the commit, as until then a crash boots the release that needs them. When it fails, the release stays
  committed: it lives with the newer schema, as it did while that one was migrated.
  """

  use Bloom.Deployment.Step

  alias Bloom.Deployment.{Context, SchemaRollback}
  alias Bloom.{Error, Metadata}

  @impl true
  def name, do: :revert

  @impl true
  def needed?(%Context{facts: facts}), do: match?(%{schema: %{down: [_one | _more]}}, facts)

  @impl true
  def run(%Context{facts: %{schema: %{down: down}}} = context) do
    with {:ok, applied} <- SchemaRollback.applied(context.root.running, down),
         {:ok, context} <- SchemaRollback.run(context, context.root.running, applied, backup(context)) do
      {:ok, context}
    else
      {:error, error} -> {:error, not_reverted(context, error)}
    end
  end

  # Made before the release that is left was migrated to.
  defp backup(%{root: root}) do
    case Metadata.get_backup_info(root.running) do
      {:ok, backup} -> backup
      {:error, _none} -> nil
    end
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
