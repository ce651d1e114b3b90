defmodule Bloom.Test.Faults.Files do
  @moduledoc "What must hold of the files of a node's root: each release wholly there or wholly gone, and nothing else."

  alias Bloom.Test.Faults.{Modules, Site}
  alias Bloom.Test.Node

  @leftovers ["sys.config.pristine", ".staging-*", ".rehearsal-*", "*.tmp"]
  @removing "releases/.bloom-removing"

  @doc "What does not hold. `registered` are the versions that the node knows of."
  @spec problems(Node.t(), Site.t(), [String.t()]) :: [String.t()]
  def problems(node, site, registered) do
    launcher(node, site) ++ files(node, site, registered) ++ unneeded(node, site, registered) ++ leftovers(node.root)
  end

  @doc "Whether a removal is still unfinished, which every cleanup ends, and so every deployment."
  @spec unfinished_removal(Node.t()) :: [String.t()]
  def unfinished_removal(node), do: for(unit <- being_removed(node), do: "#{unit} is still to be removed")

  defp being_removed(node) do
    case File.read(Path.join(node.root, @removing)) do
      {:ok, text} -> String.split(text, "\n", trim: true)
      {:error, :enoent} -> []
    end
  end

  # Of a release that is not registered there is nothing but what another one needs, or what the next cleanup removes.
  defp unneeded(node, site, registered) do
    {there, gone} = site.archives |> Map.keys() |> Enum.split_with(&(&1 in registered))
    spared = units(site, there) ++ being_removed(node)

    for unit <- units(site, gone), unit not in spared, File.exists?(Path.join(node.root, unit)) do
      "#{unit} is there, and no release that needs it is registered"
    end
  end

  defp units(site, versions), do: Enum.flat_map(versions, &Modules.units(Site.pristine(site, &1), &1))

  # What starts the node is what its release came with.
  defp launcher(node, site) do
    problem =
      differing_file(Path.join(node.root, "bin"), Path.join(Site.pristine(site, Node.get(node, "/version")), "bin"))

    if problem, do: ["bin #{problem}"], else: []
  end

  # Whatever is there of a version is all there, and as its archive has it.
  defp files(node, site, registered) do
    versions = Map.keys(site.archives)

    units =
      for version <- versions,
          unit <- Modules.units(Site.pristine(site, version), version),
          uniq: true,
          do: {version, unit}

    for {version, unit} <- units,
        in_root = Path.join(node.root, unit),
        in_archive = Path.join(Site.pristine(site, version), unit),
        problem = differs(in_root, in_archive, version in registered),
        uniq: true,
        do: "#{unit} #{problem}"
  end

  defp differs(in_root, in_archive, needed?) do
    cond do
      File.dir?(in_root) -> differing_file(in_root, in_archive)
      needed? -> "is missing, though its release is registered"
      true -> nil
    end
  end

  defp differing_file(in_root, in_archive) do
    expected = tree(in_archive, "")
    there = tree(in_root, "")

    cond do
      path = Enum.find(expected, &(&1 not in there)) ->
        "lacks #{path}"

      path = Enum.find(there, &(&1 not in expected and &1 != "relup")) ->
        "has #{path}, which no archive has"

      path = Enum.find(expected, &(not same?(Path.join(in_root, &1), Path.join(in_archive, &1)))) ->
        "has another #{path}"

      true ->
        nil
    end
  end

  defp tree(dir, path) do
    for name <- File.ls!(Path.join(dir, path)), path = Path.join(path, name), found <- found(dir, path), do: found
  end

  defp found(dir, path), do: if(File.dir?(Path.join(dir, path)), do: tree(dir, path), else: [path])

  defp same?(one, other) do
    {one_stat, other_stat} = {File.lstat!(one), File.lstat!(other)}

    one_stat.inode == other_stat.inode or
      (one_stat.mode == other_stat.mode and one_stat.size == other_stat.size and File.read!(one) == File.read!(other))
  end

  defp leftovers(root) do
    for pattern <- @leftovers,
        dir <- ["", "bin/", "releases/", "releases/*/", "lib/"],
        path <- Path.wildcard(Path.join(root, dir <> pattern), match_dot: true),
        do: "#{Path.relative_to(path, root)} is left over"
  end
end
