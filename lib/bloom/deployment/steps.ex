defmodule Bloom.Deployment.Steps do
  @moduledoc "Which steps a deployment has, in order: the one place where a step is added."

  alias Bloom.Config
  alias Bloom.Deployment.Steps.{Backup, Commit, Migrate, Plan, Probation, Register, Rehearse, Remove, Revert, Stage}
  alias Bloom.Deployment.Steps.{Survey, Switch, Unchecked, Verify}

  @install [Verify, Stage, Plan, Register]
  @switch [Plan, Rehearse, Survey, Backup, Migrate, Switch, Probation, Commit, Revert]

  @doc "The steps of an operation."
  @spec of(Bloom.Deployment.operation()) :: [module()]
  def of(operation) do
    if Config.get(:skip_file_checks), do: [Unchecked], else: steps(operation)
  end

  defp steps(:install), do: @install
  defp steps(operation) when operation in [:switch, :rollback], do: @switch
  defp steps(:remove), do: [Remove]

  @doc "The step from which on a deployment is finished, whatever happens, and no longer undone."
  @spec decisive(Bloom.Deployment.operation()) :: module()
  def decisive(operation) do
    steps = of(operation)
    if Commit in steps, do: Commit, else: List.last(steps)
  end

  @doc "The outcome of a deployment that went through."
  @spec outcome(Bloom.Deployment.operation()) :: :installed | :committed | :removed
  def outcome(:install), do: :installed
  def outcome(:remove), do: :removed
  def outcome(_switch), do: :committed
end
