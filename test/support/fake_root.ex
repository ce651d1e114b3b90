defmodule Bloom.Test.FakeRoot do
  @moduledoc "The files of a release's root, without anything that could run: for what only looks at files."

  alias Bloom.Root

  @erts "13.1.5"

  @typedoc "A release in it: `libs` as `name-version`, and the status that RELEASES gives it, or nil for none."
  @type release :: {version :: String.t(), libs :: [String.t()], status :: atom(), opts :: keyword()}

  @doc """
  Makes a root whose RELEASES lists `releases` in this order and whose `start_erl.data` names the permanent one, which
  runs. Options of a release: `erts:`, its version.
  """
  @spec make(Path.t(), [release()]) :: Root.t()
  def make(path, releases) do
    for {version, libs, _status, opts} <- releases do
      erts = Keyword.get(opts, :erts, @erts)
      for lib <- libs, do: library(path, lib)
      write(path, "erts-#{erts}/bin/beam.smp", erts)
      write(path, "releases/#{version}/start.boot", version)
      write(path, "releases/#{version}/garden.rel", rel(version, erts, libs))
    end

    entries = for {version, libs, status, opts} <- releases, status, do: entry(version, libs, status, opts)
    put_releases(path, entries)
    {permanent, _libs, :permanent, opts} = List.keyfind(releases, :permanent, 2)
    write(path, "releases/start_erl.data", "#{Keyword.get(opts, :erts, @erts)} #{permanent}")
    %Root{path: path, name: "garden", running: permanent}
  end

  @doc "Writes RELEASES."
  @spec put_releases(Path.t(), [tuple()]) :: :ok
  def put_releases(path, entries), do: write(path, "releases/RELEASES", :io_lib.format("~tp.~n", [entries]))

  @doc "An entry of RELEASES."
  @spec entry(String.t(), [String.t()], atom(), keyword()) :: tuple()
  def entry(version, libs, status, opts \\ []) do
    apps = for {name, vsn} <- Enum.map(libs, &split/1), do: {name, vsn, ~c"lib/#{name}-#{vsn}"}
    erts = to_charlist(Keyword.get(opts, :erts, @erts))
    {:release, ~c"garden", to_charlist(version), erts, apps, status}
  end

  @doc "Puts a library into it."
  @spec library(Path.t(), String.t()) :: :ok
  def library(path, lib), do: write(path, "lib/#{lib}/ebin/code.beam", lib)

  @doc "Writes a file of it."
  @spec write(Path.t(), Path.t(), iodata()) :: :ok
  def write(path, name, content) do
    file = Path.join(path, name)
    File.mkdir_p!(Path.dirname(file))
    File.write!(file, content)
  end

  @doc "The versions that RELEASES lists."
  @spec listed(Path.t()) :: [String.t()]
  def listed(path) do
    {:ok, entries} = Bloom.ReleasesFile.read(path)
    for entry <- entries, do: to_string(elem(entry, 2))
  end

  defp rel(version, erts, libs) do
    apps = for {name, vsn} <- Enum.map(libs, &split/1), do: {name, vsn}
    :io_lib.format("~tp.~n", [{:release, {~c"garden", to_charlist(version)}, {:erts, to_charlist(erts)}, apps}])
  end

  defp split(lib) do
    [name, version] = String.split(lib, "-", parts: 2)
    {String.to_atom(name), to_charlist(version)}
  end
end
