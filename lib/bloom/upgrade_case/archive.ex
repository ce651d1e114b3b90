defmodule Bloom.UpgradeCase.Archive do
  @moduledoc """
  The archive of a release, `NAME-VSN.tar.gz`, as `mix release` makes it, or made of an assembled release's directory.
  """

  @doc """
  The name and the version of the release in an archive.

      iex> Bloom.UpgradeCase.Archive.release!("_build/prod/my_app-1.1.0-rc.1.tar.gz")
      %{name: "my_app", version: "1.1.0-rc.1"}
  """
  @spec release!(Path.t()) :: %{name: String.t(), version: String.t()}
  def release!(archive) do
    case Regex.run(~r/^([a-z][a-zA-Z0-9_]*)-(\d.*)\.tar\.gz$/, Path.basename(archive)) do
      [_all, name, version] -> %{name: name, version: version}
      nil -> raise ArgumentError, "#{archive} is not named NAME-VERSION.tar.gz, as the archive of a release is"
    end
  end

  @doc "The archive at a path; where that is an assembled release's directory, one that is made of it in `scratch`."
  @spec fetch!(Path.t(), Path.t()) :: Path.t()
  def fetch!(path, scratch) do
    path = Path.expand(path)

    cond do
      File.dir?(path) -> pack!(path, scratch)
      File.regular?(path) -> path
      true -> raise ArgumentError, "there is no release at #{path}: build it with `mix release`"
    end
  end

  @doc "Unpacks an archive into a new directory `root`."
  @spec unpack(Path.t(), Path.t()) :: :ok
  def unpack(archive, root) do
    File.mkdir_p!(root)
    {_output, 0} = System.cmd("tar", ["xzf", archive, "-C", root])
    :ok
  end

  # What Mix's :tar step takes, of the release that boots, whatever else was built into the directory.
  defp pack!(dir, scratch) do
    {:ok, data} = dir |> Path.join("releases/start_erl.data") |> File.read()
    [erts, version] = String.split(data)
    [file] = Path.wildcard(Path.join([dir, "releases", version, "*.rel"]))
    {:ok, [{:release, {name, _vsn}, _erts, applications}]} = :file.consult(file)

    libs = for application <- applications, do: "lib/#{elem(application, 0)}-#{elem(application, 1)}"
    entries = ["bin", "erts-#{erts}", "releases/#{version}", "releases/COOKIE", "releases/start_erl.data" | libs]
    archive = Path.join(scratch, "#{name}-#{version}.tar.gz")
    {_output, 0} = System.cmd("tar", ["czf", archive, "-C", dir | Enum.uniq(entries)])
    archive
  end
end
