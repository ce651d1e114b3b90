defmodule Bloom.Deployment.Steps.Stage do
  @moduledoc "Verifies the archive while it is unpacked beside the live files, and puts it in place when all of it is sound."

  use Bloom.Deployment.Step

  alias Bloom.Deployment.Context
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
  def happened?(context), do: placed(context) != []

  @impl true
  def undo(context), do: Native.archive_unstage(context.root.path, placed(context))

  # The release's own directory was placed last and goes first.
  defp placed(%{facts: %{units_before: before}, root: root}), do: Enum.sort(units(root.path) -- before)
  defp placed(_not_started), do: []

  # What an archive can add to a root, as paths relative to it.
  defp units(root) do
    erts = for "erts-" <> _version = name <- File.ls!(root), do: name
    libraries = for name <- File.ls!(Path.join(root, "lib")), do: "lib/#{name}"
    erts ++ libraries ++ Enum.map(Root.release_dirs(root), &Path.relative_to(&1, root))
  end
end
