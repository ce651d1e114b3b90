defmodule Bloom.Deployment.Steps.Survey do
  @moduledoc """
  Finds out what a deployment does to the databases, before anything is done.

  The target's migrations that are not applied yet are run before the switch. Those that Bloom ran and that the target
  does not have, as on the way back to an earlier release, are rolled back after the commit. The journal keeps both
  as `facts.schema`, `%{up: migrations, down: migrations}`.
  """

  use Bloom.Deployment.Step

  require Logger

  alias Bloom.Deployment.Context
  alias Bloom.{Error, MigrationTracker}

  @impl true
  def name, do: :survey

  @impl true
  def run(%Context{root: root, version: version} = context) do
    with {:ok, target} <- MigrationTracker.survey(version),
         {:ok, known} <- MigrationTracker.run_by_bloom(:all),
         {:ok, running} <- survey_running(root.running, foreign(known, target)) do
      up = for %{status: :down} = migration <- target.migrations, do: migration
      down = for %{status: :up, file: file} = migration <- running.migrations, file != nil, do: migration
      context = %{context | repos: Enum.uniq_by(target.repos ++ running.repos, & &1.repo)}

      if up == [] and down == [],
        do: {:ok, context},
        else: Context.keep_facts(context, %{schema: %{up: up, down: down}})
    else
      # Its Bloom would never have run them: no reason to be unable to go back to it.
      {:error, %Error{code: :bloom_too_old, message: message}} ->
        Logger.warning("Bloom: #{message}: none is run or rolled back")
        {:ok, Context.note(context, message)}

      {:error, error} ->
        {:error, error}
    end
  end

  # What Bloom ran, without what is among the target's files.
  defp foreign(known, target) do
    own = for %{file: file} = migration <- target.migrations, file != nil, do: MigrationTracker.key(migration)
    Enum.reject(known, &(MigrationTracker.key(&1) in own))
  end

  # Only the running release has the files to roll them back with.
  defp survey_running(_version, []), do: {:ok, %{repos: [], migrations: []}}

  defp survey_running(version, foreign) do
    keys = Enum.map(foreign, &MigrationTracker.key/1)

    with {:ok, survey} <- MigrationTracker.survey(version) do
      {:ok, %{survey | migrations: Enum.filter(survey.migrations, &(MigrationTracker.key(&1) in keys))}}
    end
  end
end
