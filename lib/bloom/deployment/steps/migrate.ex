defmodule Bloom.Deployment.Steps.Migrate do
  @moduledoc """
  Runs the target's pending migrations, while the old release still runs.

  The schema is then at least what either release needs. Undone, after the switch was, by the configured strategy.
  """

  use Bloom.Deployment.Step

  alias Bloom.Deployment.{Context, SchemaRollback}
  alias Bloom.{Error, MigrationTracker}

  @impl true
  def name, do: :migrate

  @impl true
  def needed?(context), do: pending(context) != []

  @impl true
  def run(%Context{} = context) do
    with {:ok, _ran} <- MigrationTracker.run(context.version, pending(context), context.facts[:backup]),
         do: {:ok, context}
  end

  @doc "Whether one of them is applied, or nobody can tell: the undoing says why then."
  @impl true
  def happened?(%Context{} = context), do: SchemaRollback.applied(context.version, pending(context)) != {:ok, []}

  @impl true
  def undo(%Context{} = context) do
    with {:ok, applied} <- SchemaRollback.applied(context.version, pending(context)) do
      SchemaRollback.run(context, context.version, applied, fn -> backup(context.facts) end)
    end
  end

  defp backup(%{backup: backup}), do: {:ok, backup}

  defp backup(_made_without) do
    {:error,
     Error.new(:no_backup, "there is no backup to restore",
       suggestions: ["take the migrations back by hand; the running release lives with the newer schema until then"]
     )}
  end

  defp pending(%{facts: %{schema: %{up: up}}}), do: up
  defp pending(_no_migrations), do: []
end
