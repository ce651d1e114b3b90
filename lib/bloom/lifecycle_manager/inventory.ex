defmodule Bloom.LifecycleManager.Inventory do
  @moduledoc """
  Which releases a root holds, what each of them needs, and which directories there are.

  A release needs what its `.rel`, its manifest *or* RELEASES says. One that is not registered counts as well: whoever
  has put it there may mean to boot it.
  """

  alias Bloom.{Error, Native, ReleasesFile, Root}
  alias Bloom.LifecycleManager.Leftovers

  @enforce_keys [:releases, :directories, :leftovers, :in_use]
  defstruct [:releases, :directories, :leftovers, :in_use]

  @typedoc "`needs` are directories relative to the root; `present` tells whether `releases/VSN` is there."
  @type release :: %{
          version: String.t(),
          status: ReleasesFile.status() | nil,
          present: boolean(),
          needs: MapSet.t(String.t())
        }

  @typedoc """
  `releases` are those of RELEASES, latest first, then those that are not registered and have no status. `leftovers` are
  what an interrupted removal was about, `in_use` what this VM runs from.
  """
  @type t :: %__MODULE__{
          releases: [release()],
          directories: MapSet.t(String.t()),
          leftovers: [String.t()],
          in_use: MapSet.t(String.t())
        }

  @doc "Looks at a root. An error where what a release needs cannot be told, as then nothing can be removed."
  @spec read(Root.t()) :: {:ok, t()} | {:error, Error.t()}
  def read(%Root{path: root}) do
    with {:ok, entries} <- entries(root),
         {:ok, leftovers} <- leftovers(root),
         {:ok, native} <- Native.inventory(root),
         found = Map.new(native.releases, &{&1.version, &1}),
         {:ok, registered} <- collect(entries, &registered(&1, found)),
         unregistered = unregistered(native.releases, entries, leftovers),
         {:ok, unregistered} <- collect(unregistered, &release(&1, nil, [], true)) do
      {:ok,
       %__MODULE__{
         releases: registered ++ unregistered,
         directories: MapSet.new(native.directories),
         leftovers: leftovers,
         in_use: in_use()
       }}
    end
  end

  @doc "The directories that some of the releases need, or this VM."
  @spec needed(t(), [release()]) :: MapSet.t(String.t())
  def needed(%__MODULE__{in_use: in_use}, releases), do: Enum.reduce(releases, in_use, &MapSet.union(&1.needs, &2))

  defp entries(root) do
    with :error <- ReleasesFile.read(root) do
      {:error,
       Error.new(:releases_damaged, "#{root}/releases/RELEASES cannot be read, so nobody knows what is installed",
         suggestions: ["restart the node: Bloom makes it anew"]
       )}
    end
  end

  defp leftovers(root) do
    with {:error, reason} <- Leftovers.read(root) do
      {:error,
       Error.new(
         :leftovers_unreadable,
         "what an interrupted removal left cannot be read: #{:file.format_error(reason)}",
         suggestions: ["make #{root}/releases/.bloom-removing readable for the node's user"]
       )}
    end
  end

  defp registered({:release, _name, vsn, erts, libs, status}, found) do
    version = to_string(vsn)
    # An entry without libraries says nothing about what the release needs.
    needs =
      if libs == [], do: [], else: ["erts-#{erts}" | for({app, app_vsn, _dir} <- libs, do: "lib/#{app}-#{app_vsn}")]

    here = Map.get(found, version, %{version: version, needs: [], unreadable: nil})
    release(here, status, needs, Map.has_key?(found, version))
  end

  # What an interrupted removal has forgotten already is no release any more.
  defp unregistered(found, entries, leftovers) do
    known = for {:release, _name, vsn, _erts, _libs, _status} <- entries, do: to_string(vsn)
    Enum.reject(found, &(&1.version in known or "releases/#{&1.version}" in leftovers))
  end

  defp release(%{unreadable: why} = found, _status, [], _present) when is_binary(why) do
    {:error,
     Error.new(:unknown_needs, "nobody can tell which libraries release #{found.version} needs: #{why}",
       details: %{version: found.version},
       suggestions: ["install it again, or move releases/#{found.version} away if it is none"]
     )}
  end

  defp release(found, status, needs, present) do
    {:ok, %{version: found.version, status: status, present: present, needs: MapSet.new(needs ++ found.needs)}}
  end

  # Whatever the code path leads through, wherever the root seems to lie from there: it may be a link.
  defp in_use do
    directories =
      for path <- :code.get_path(),
          [parent, name] <- path |> to_string() |> Path.split() |> Enum.chunk_every(2, 1, :discard),
          parent in ["lib", "releases"],
          do: "#{parent}/#{name}"

    # Where its executables are, as a directory may have been renamed.
    erts = for bin <- List.wrap(System.get_env("BINDIR")), do: bin |> Path.dirname() |> Path.basename()
    MapSet.new(["erts-#{:erlang.system_info(:version)}" | erts ++ directories])
  end

  defp collect(items, fun) do
    Enum.reduce_while(items, {:ok, []}, fn item, {:ok, done} ->
      case fun.(item) do
        {:ok, value} -> {:cont, {:ok, [value | done]}}
        {:error, error} -> {:halt, {:error, error}}
      end
    end)
    |> then(&with({:ok, done} <- &1, do: {:ok, Enum.reverse(done)}))
  end
end
