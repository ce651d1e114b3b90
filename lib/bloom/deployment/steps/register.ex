defmodule Bloom.Deployment.Steps.Register do
  @moduledoc "Tells the release handler of a staged release."

  use Bloom.Deployment.Step

  alias Bloom.Deployment.Context
  alias Bloom.{ReleaseHandler, ReleasesFile}

  @impl true
  def name, do: :register

  @impl true
  def run(%Context{root: root, version: version, facts: facts} = context) do
    # Done again after an interruption, what is registered may be its own work.
    before = Map.get_lazy(facts, :registered_before, fn -> registered?(version) end)

    with {:ok, context} <- Context.keep_facts(context, %{registered_before: before}),
         :ok <- register(root, version) do
      {:ok, context}
    end
  end

  @impl true
  def happened?(%{facts: %{registered_before: before}, version: version}), do: registered?(version) and not before
  def happened?(_not_started), do: false

  @impl true
  def undo(%{root: root, version: version}), do: ReleasesFile.unregister(root.path, version)

  defp register(root, version) do
    if registered?(version), do: :ok, else: ReleasesFile.register(root.path, root.name, version)
  end

  defp registered?(version), do: Enum.any?(ReleaseHandler.releases(), &(&1.version == version))
end
