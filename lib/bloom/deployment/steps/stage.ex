defmodule Bloom.Deployment.Steps.Stage do
  @moduledoc "Verifies the archive while it is unpacked beside the live files, and puts it in place when all of it is sound."

  use Bloom.Deployment.Step

  alias Bloom.Deployment.Context
  alias Bloom.LifecycleManager.Inventory
  alias Bloom.{Native, Root}

  @impl true
  def name, do: :stage

  @impl true
  def run(%Context{root: root, version: version} = context) do
    with {:ok, context} <- Context.keep_facts(context, %{units_before: units(root.path)}),
         request = Map.merge(context.watch, %{root: root.path, name: root.name, version: version}),
         {:ok, _staged} <- Native.archive_stage(Root.archive(root, version), request) do
      {:ok, context}
    end
  end

  @impl true
  def happened?(context), do: added(context) != []

  @impl true
  def undo(%Context{root: root} = context) do
    added = added(context)

    with {:ok, needed} <- needed_elsewhere(context, added) do
      # The release's own directory was placed last and goes first.
      Native.archive_unstage(root.path, Enum.reject(added, &(&1 in needed)))
    end
  end

  defp added(%{facts: %{units_before: before}, root: root}), do: Enum.sort(units(root.path) -- before)
  defp added(_not_started), do: []

  # Between an interruption and now, another release may have come by another hand.
  defp needed_elsewhere(%{root: root, version: version}, added) do
    if Enum.any?(added, &(String.starts_with?(&1, "releases/") and &1 != "releases/#{version}")),
      do: needed_by_others(root, version),
      else: {:ok, []}
  end

  defp needed_by_others(root, version) do
    with {:ok, inventory} <- Inventory.read(root) do
      others = Enum.reject(inventory.releases, &(&1.version == version and &1.status == nil))
      own = for release <- others, do: "releases/#{release.version}"
      {:ok, MapSet.union(Inventory.needed(inventory, others), MapSet.new(own))}
    end
  end

  # What an archive can add to a root, as paths relative to it.
  defp units(root) do
    erts = for "erts-" <> _version = name <- File.ls!(root), do: name
    libraries = for name <- File.ls!(Path.join(root, "lib")), do: "lib/#{name}"
    erts ++ libraries ++ Enum.map(Root.release_dirs(root), &Path.relative_to(&1, root))
  end
end
