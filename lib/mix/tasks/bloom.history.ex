defmodule Mix.Tasks.Bloom.History do
  @shortdoc "Lists the deployments of a server"

  @moduledoc """
  Lists what was deployed on the server and what came of it, latest first.

      mix bloom.history --target user@host:/opt/my_app --limit 5

  ## Options

    * `--limit N` - so many, 20 by default
    * `--json` - one JSON object

  #{Bloom.MixTask.about_target()}\
  """

  use Mix.Task

  @impl true
  def run(args), do: Bloom.MixTask.remote("bloom.history", "history", args)
end
