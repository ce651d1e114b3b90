defmodule Mix.Tasks.Bloom.Releases do
  @shortdoc "Lists the releases that a server has"

  @moduledoc """
  Lists the releases that the server's node has, latest registered first.

      mix bloom.releases --target user@host:/opt/my_app

  ## Options

    * `--json` - one JSON object

  #{Bloom.MixTask.about_target()}\
  """

  use Mix.Task

  @impl true
  def run(args), do: Bloom.MixTask.remote("bloom.releases", "releases", args)
end
