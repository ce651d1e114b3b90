defmodule Mix.Tasks.Bloom.Rollback do
  @shortdoc "Goes back to the release before"

  @moduledoc """
  Has the server go back to the release that ran before, and waits until that is committed. A release on probation is
  taken back at once.

      mix bloom.rollback --target user@host:/opt/my_app

  ## Options

    * `--mode hot` - only while the node runs, else end with 4; `--mode restart` - with a restart in any case
    * `--force` - go back to a release that did not pass its trial, too
    * `--no-wait` - do not wait for the end of the probation
    * `--timeout SECONDS` - how long the node may be away in a restart, 600 by default
    * `--json` - one JSON object a line

  #{Bloom.MixTask.about_target()}\
  """

  use Mix.Task

  @impl true
  def run(args), do: Bloom.MixTask.remote("bloom.rollback", "rollback", args)
end
