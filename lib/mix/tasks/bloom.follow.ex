defmodule Mix.Tasks.Bloom.Follow do
  @shortdoc "Watches the deployment in progress on a server"

  @moduledoc """
  Watches the deployment that is in progress on the server to its end, over a restart of the node too, and ends as it
  does. Ctrl-C (twice, as with every Mix task) leaves it running.

      mix bloom.follow --target user@host:/opt/my_app

  ## Options

    * `--timeout SECONDS` - how long the node may be away in a restart, 600 by default
    * `--json` - one JSON object a line

  #{Bloom.MixTask.about_target()}\
  """

  use Mix.Task

  @impl true
  def run(args), do: Bloom.MixTask.remote("bloom.follow", "follow", args)
end
