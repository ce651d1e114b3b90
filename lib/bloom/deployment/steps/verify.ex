defmodule Bloom.Deployment.Steps.Verify do
  @moduledoc "What can be said about an installation before the archive is read."

  use Bloom.Deployment.Step

  alias Bloom.{LifecycleManager, Validator}
  alias Bloom.Validator.Resources

  @impl true
  def name, do: :verify

  @impl true
  def run(%{root: root, version: version} = context) do
    with :ok <- Validator.validate_archive(root, version),
         # Makes room first.
         LifecycleManager.auto_cleanup(root),
         :ok <- Resources.disk(root, version, context.watch) do
      {:ok, context}
    end
  end
end
