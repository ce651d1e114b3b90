defmodule Mix.Tasks.Bloom.Status do
  @shortdoc "Says what runs on a server, and what is in progress"

  @moduledoc """
  Says which release runs on the server, what is in progress there and what came of the last deployment.

      mix bloom.status --target user@host:/opt/my_app

  ## Options

    * `--json` - one JSON object

  #{Bloom.MixTask.about_target()}\
  """

  use Mix.Task

  @impl true
  def run(args), do: Bloom.MixTask.remote("bloom.status", "status", args)
end
