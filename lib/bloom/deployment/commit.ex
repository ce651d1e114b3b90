defmodule Bloom.Deployment.Commit do
  @moduledoc "Makes the running release the one that boots next."

  alias Bloom.{DurableFile, Error, ReleaseHandler, Root}

  @doc "Makes a release permanent and puts its launcher scripts into `bin/`."
  @spec run(Root.t(), String.t()) :: :ok | {:error, Error.t()}
  def run(%Root{} = root, version) do
    case ReleaseHandler.impl().make_permanent(to_charlist(version)) do
      :ok -> put_launcher(root, version)
      {:error, reason} -> {:error, Error.from_release_handler(reason)}
    end
  end

  # The launcher of another Mix version, or an overlay in bin/, may differ from release to release.
  defp put_launcher(root, version) do
    own = Root.release_path(root, version, "bin")

    for name <- ls(own), File.regular?(Path.join(own, name)) do
      {from, to} = {Path.join(own, name), Path.join([root.path, "bin", name])}
      content = File.read!(from)

      if File.read(to) != {:ok, content},
        do: DurableFile.write!(to, content, Bitwise.band(File.stat!(from).mode, 0o777))
    end

    :ok
  end

  defp ls(dir) do
    case File.ls(dir) do
      {:ok, names} -> names
      {:error, :enoent} -> []
    end
  end
end
