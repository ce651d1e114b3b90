defmodule Mix.Tasks.Bloom.Cancel do
  @shortdoc "Stops the deployment in progress on a server"

  @moduledoc """
  Stops the deployment that is in progress on the server and waits until what it did is undone.

      mix bloom.cancel --target user@host:/opt/my_app

  ## Options

    * `--json` - one JSON object

  #{Bloom.MixTask.about_target()}\
  """

  use Mix.Task

  @impl true
  def run(args), do: Bloom.MixTask.remote("bloom.cancel", "cancel", args)
end
