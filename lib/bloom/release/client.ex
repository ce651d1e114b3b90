defmodule Bloom.Release.Client do
  @moduledoc "Puts `bin/bloom` into a release: the script that starts `Bloom.CLI` in a VM of its own."

  @doc """
  Copies the script into `bin/` of an assembled release.

  A release that is itself called bloom has its launcher there, and keeps that.
  """
  @spec put(struct()) :: struct()
  def put(%{name: :bloom} = release), do: release

  def put(%{path: root} = release) do
    to = Path.join([root, "bin", "bloom"])
    File.mkdir_p!(Path.dirname(to))
    File.cp!(Application.app_dir(:bloom, ["priv", "bloom.sh"]), to)
    File.chmod!(to, 0o755)
    release
  end
end
