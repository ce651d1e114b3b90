defmodule Bloom.LifecycleManager.Removal do
  @moduledoc """
  What is removed with some releases, and removing it.

  The releases are unregistered first, durably, and only then their directories go, each renamed away before it is
  emptied: whatever is killed in between, every release that is registered is whole.
  """

  alias Bloom.{Config, DurableFile, Error, ErrorInterpreter, Native, ReleasesFile, Root}
  alias Bloom.LifecycleManager.{Inventory, Leftovers}
  alias Bloom.Release.Versions

  @enforce_keys [:root, :registered, :directories, :archives, :bytes]
  defstruct [:root, :registered, :directories, :archives, :bytes]

  @typedoc """
  `registered` are the versions that RELEASES has to forget, `directories` are relative to the root, those of releases
  last, which is to be removed first.
  """
  @type t :: %__MODULE__{
          root: Path.t(),
          registered: [String.t()],
          directories: [String.t()],
          archives: [Path.t()],
          bytes: non_neg_integer()
        }

  @doc """
  What can go with these versions, and what an interrupted removal has left of others.

  With `orphans: true` also libraries that no release needs at all, where their version carries Bloom's digest: nobody
  but Bloom's build step makes such a name, so it came with a release that is gone.
  """
  @spec plan(Root.t(), Inventory.t(), [String.t()], orphans: boolean()) :: {:ok, t()} | {:error, Error.t()}
  def plan(%Root{} = root, %Inventory{} = inventory, versions, opts) do
    {going, staying} = Enum.split_with(inventory.releases, &(&1.version in versions))
    orphans = if opts[:orphans], do: Enum.filter(inventory.directories, &digested?/1), else: []

    libraries =
      Enum.flat_map(going, & &1.needs)
      |> Enum.concat(inventory.leftovers ++ orphans)
      |> MapSet.new()
      |> MapSet.intersection(inventory.directories)
      |> MapSet.difference(Inventory.needed(inventory, staying))

    registered = for %{version: version, status: status} <- inventory.releases, status, do: version

    left =
      for "releases/" <> version = dir <- inventory.leftovers, version not in registered, there?(root, dir), do: dir

    releases = for(release <- going, release.present, do: "releases/#{release.version}") ++ left
    directories = Enum.sort(libraries) ++ Enum.uniq(releases)
    archives = archives(root, versions)

    with {:ok, bytes} <- Native.size(Enum.map(directories, &Path.join(root.path, &1)) ++ archives) do
      {:ok,
       %__MODULE__{
         root: root.path,
         registered: Enum.filter(versions, &(&1 in registered)),
         directories: directories,
         archives: archives,
         bytes: bytes
       }}
    end
  end

  @doc "Removes it. What fails half-way is finished by the next removal."
  @spec carry_out(t()) :: :ok | {:error, Error.t()}
  def carry_out(%__MODULE__{root: root} = removal) do
    # Archives first: nothing runs from them, and on a full disk they make room for the files that are written now.
    Enum.each(removal.archives, &DurableFile.rm!/1)
    if removal.directories != [], do: Leftovers.write!(root, removal.directories)

    with :ok <- unregister(root, removal.registered),
         :ok <- Native.archive_unstage(root, removal.directories) do
      Leftovers.clear!(root)
    end
  rescue
    error in [File.Error, File.RenameError, MatchError] ->
      {:error,
       Error.new(
         :not_removed,
         "nothing that runs was touched, but not all could be removed: #{ErrorInterpreter.interpret(error).message}",
         suggestions: ["make #{root} writable for the node's user, or make room there, and try again"]
       )}
  end

  defp unregister(_root, []), do: :ok

  defp unregister(root, versions) do
    ReleasesFile.update(root, &Enum.reject(&1, fn entry -> to_string(elem(entry, 2)) in versions end))
  end

  defp there?(root, dir), do: File.dir?(Path.join(root.path, dir))

  defp digested?("lib/" <> name), do: Versions.base(name) != name
  defp digested?(_erts), do: false

  # Another directory for archives may be shared with other nodes.
  defp archives(root, versions) do
    releases = Path.join(root.path, "releases")

    if Path.expand(Config.get(:releases_dir) || releases) == Path.expand(releases) do
      versions |> Enum.map(&Root.archive(root, &1)) |> Enum.filter(&File.regular?/1)
    else
      []
    end
  end
end
