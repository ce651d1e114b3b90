defmodule Bloom.Deployment.Steps.AfterHooks do
  @moduledoc "Runs the `after` hooks of a release that is committed. What fails is noted in the history."

  use Bloom.Deployment.Step

  alias Bloom.Deployment.Hooks

  @impl true
  def name, do: :after_hooks

  @impl true
  def needed?(context), do: Hooks.any?(context, :after)

  @impl true
  def run(context), do: {:ok, Hooks.run_each(context, :after)}
end
