defmodule Mix.Tasks.Bloom.Remove do
  @shortdoc "Removes a release from a server"

  @moduledoc """
  Removes a release from the server, with the files that no other release needs. What runs, boots next or is what a
  rollback goes back to is refused.

      mix bloom.remove 1.0.0 --target user@host:/opt/my_app --dry-run

  ## Options

    * `--dry-run` - say what would be removed
    * `--json` - one JSON object

  #{Bloom.MixTask.about_target()}\
  """

  use Mix.Task

  @impl true
  def run(args), do: Bloom.MixTask.remote("bloom.remove", "remove", args)
end
