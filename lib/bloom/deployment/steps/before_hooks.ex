defmodule Bloom.Deployment.Steps.BeforeHooks do
  @moduledoc """
  Runs the `before` hooks, when nothing more can refuse the deployment and nothing of the node was changed.

  There is nothing to undo: what takes their effect back are the `failure` hooks.
  """

  use Bloom.Deployment.Step

  alias Bloom.Deployment.Hooks

  @impl true
  def name, do: :before_hooks

  @impl true
  def needed?(context), do: Hooks.any?(context, :before)

  @impl true
  def run(context), do: Hooks.run_all(context, :before)
end
