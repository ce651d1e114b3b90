defmodule Mix.Tasks.Bloom.HealthCheck do
  @shortdoc "Runs the health checks of a server"

  @moduledoc """
  Runs the health checks of the server's node. Ends with 4 when a critical one fails.

      mix bloom.health_check --target user@host:/opt/my_app

  ## Options

    * `--json` - one JSON object

  #{Bloom.MixTask.about_target()}\
  """

  use Mix.Task

  @impl true
  def run(args), do: Bloom.MixTask.remote("bloom.health_check", "health-check", args)
end
