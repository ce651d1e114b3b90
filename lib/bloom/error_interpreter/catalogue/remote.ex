defmodule Bloom.ErrorInterpreter.Catalogue.Remote do
  @moduledoc "Calls from outside: `Bloom.RPC`, `bin/bloom` and the Mix tasks."

  use Bloom.ErrorInterpreter.Catalogue.Area, title: "From outside: RPC, bin/bloom, mix bloom.*"

  @impl true
  def entries do
    [
      usage: {": see bin/bloom … --help", "The command line was not understood.", "See `bin/bloom --help`."},
      unknown_operation:
        {"Bloom has no operation …", "The caller asks for what this Bloom does not have.",
         "See `Bloom.RPC.Operations`; the caller may be newer than the node."},
      wrong_arguments:
        {"options are a keyword list, got: …", "The operation takes other arguments.",
         "See `Bloom.RPC.Operations` for what each takes."},
      unreachable:
        {[
           "node … does not answer",
           "the release that runs on … has no Bloom that can be asked",
           "the connection to … failed"
         ], "`bin/bloom` has no connection to the node, or the node is no node.",
         "See whether it runs, and whether `RELEASE_NODE`, `RELEASE_DISTRIBUTION` and `RELEASE_COOKIE` are right."},
      call_failed:
        {"the call broke off on …: …", "The node ended, or the call raised there.", "See the log of the node."},
      client_failed:
        {"bin/bloom itself failed: …", "The node answered what this `bin/bloom` does not understand, or it has a bug.",
         "See `bin/bloom status`: what was begun goes on in the node."},
      unknown_outcome:
        {"the journal of … does not say what came of it",
         "The connection was lost and the journal has no end of it yet.", "See `bin/bloom status`."},
      not_copied:
        {"see whether it is there, and whether this user may write to that directory",
         "The archive could not be put into `releases_dir`.", "See whether it is there and who may write."},
      upload_failed:
        {["… could not be put into … of …", "sending … to … broke off", "… was changed here while it was sent"],
         "The server has not said that it has the whole archive. It never keeps half of one.",
         "See what ssh and the server say, whether this user may write there, and whether there is room; then try again."},
      no_scratch:
        {["… cannot be made", "… was not made in … ms"], "A directory for temporary files could not be made.",
         "Name one that can be written to in `TMPDIR`."}
    ]
  end
end
