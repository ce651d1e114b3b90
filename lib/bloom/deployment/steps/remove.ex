defmodule Bloom.Deployment.Steps.Remove do
  @moduledoc "Removes a release that nothing needs. What has begun is finished, never undone."

  @behaviour Bloom.Deployment.Step

  alias Bloom.{LifecycleManager, ReleaseHandler}

  @impl true
  def name, do: :remove

  @impl true
  def run(%{root: root, version: version, opts: opts} = context) do
    with {:ok, _report} <- LifecycleManager.remove(root, version, opts), do: {:ok, context}
  end

  @impl true
  def happened?(%{version: version}), do: not Enum.any?(ReleaseHandler.releases(), &(&1.version == version))

  @impl true
  def undo(_context), do: :ok
end
