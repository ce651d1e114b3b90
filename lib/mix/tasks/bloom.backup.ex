defmodule Mix.Tasks.Bloom.Backup do
  @shortdoc "Backs the databases of a server up"

  @moduledoc """
  Backs the databases of the server's node up, under a version's name, and verifies the backup.

      mix bloom.backup 1.2.0 --target user@host:/opt/my_app

  ## Options

    * `--json` - one JSON object

  #{Bloom.MixTask.about_target()}\
  """

  use Mix.Task

  @impl true
  def run(args), do: Bloom.MixTask.remote("bloom.backup", "backup", args)
end
