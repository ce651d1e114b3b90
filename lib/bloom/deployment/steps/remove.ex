defmodule Bloom.Deployment.Steps.Remove do
  @moduledoc "Removes a release that nothing needs. What has begun is finished, never undone."

  use Bloom.Deployment.Step

  alias Bloom.{Error, LifecycleManager, ReleaseHandler}
  alias Bloom.Deployment.Context

  @impl true
  def name, do: :remove

  @impl true
  def run(%Context{root: root, version: version, facts: facts} = context) do
    with {:ok, context} <- Context.keep_facts(context, %{removing: true}) do
      case LifecycleManager.remove(root, version) do
        {:ok, _report} -> {:ok, context}
        # It was complete when the walk that began it was interrupted.
        {:error, %Error{code: :release_not_found}} when is_map_key(facts, :removing) -> {:ok, context}
        {:error, error} -> {:error, error}
      end
    end
  end

  @impl true
  def happened?(%{version: version}), do: not Enum.any?(ReleaseHandler.releases(), &(&1.version == version))
end
