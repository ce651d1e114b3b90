defmodule Bloom.Deployment.Steps.FailureHooks do
  @moduledoc """
  Runs the `failure` hooks of a deployment that came to nothing, after everything was undone and before its end is
  written down. It is in no list of steps: the walk comes to it on its way back only.
  """

  use Bloom.Deployment.Step

  alias Bloom.Deployment.Hooks

  @impl true
  def name, do: :failure_hooks

  @impl true
  def needed?(context), do: Hooks.any?(context, :failure)

  @impl true
  def run(context), do: {:ok, Hooks.run_each(context, :failure)}
end
