defmodule Bloom.Deployment.Steps do
  @moduledoc "Which steps a deployment has, in order: the one place where a step is added."

  alias Bloom.Config
  alias Bloom.Deployment.Steps.{AfterHooks, Backup, BeforeHooks, Commit, Migrate, Plan, Probation, Register, Rehearse}
  alias Bloom.Deployment.Steps.{Remove, Revert, Stage, Survey, Switch, Unchecked, Verify}

  @install [Verify, Stage, Plan, Register]
  @switch [Plan, Rehearse, Survey, BeforeHooks, Backup, Migrate, Switch, Probation, Commit, Revert, AfterHooks]
  # Where there are no files.
  @unchecked [BeforeHooks, Unchecked, AfterHooks]

  @doc "The steps of an operation."
  @spec of(Bloom.Deployment.operation()) :: [module()]
  def of(operation) do
    if Config.get(:skip_file_checks), do: @unchecked, else: steps(operation)
  end

  defp steps(:install), do: @install
  defp steps(operation) when operation in [:switch, :rollback], do: @switch
  defp steps(:remove), do: [Remove]

  @doc "The step from which on a deployment is finished, whatever happens, and no longer undone."
  @spec decisive(Bloom.Deployment.operation()) :: module()
  def decisive(operation) do
    steps = of(operation)
    Enum.find([Commit, Unchecked], List.last(steps), &(&1 in steps))
  end

  @doc "The outcome of a deployment that went through."
  @spec outcome(Bloom.Deployment.operation()) :: :installed | :committed | :removed
  def outcome(:install), do: :installed
  def outcome(:remove), do: :removed
  def outcome(_switch), do: :committed
end
