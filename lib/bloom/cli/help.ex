defmodule Bloom.CLI.Help do
  @moduledoc "What `bin/bloom --help` says, of everything and of each command."

  @general """
  Usage: bin/bloom COMMAND [ARGUMENTS] [OPTIONS]

  Asks the running node of this release.

    deploy VERSION        install a release, switch to it, wait until it is committed
    rollback              go back to the release before
    status                what runs, and what is in progress
    health-check          the health checks of the node
    plan VERSION          what a switch to an installed release would do, and why
    history               the deployments that were
    releases              the releases that the node has

    install VERSION       check an archive and put it in place, without switching
    switch VERSION        switch to an installed release
    follow                watch the deployment in progress
    cancel                stop the deployment in progress and undo what it did
    remove VERSION        remove a release
    backup VERSION        back the databases up, for a version
    verify-audit          prove that nobody has changed the audit log

    --json                answer in JSON, one object a line; the last has "event": "result"
    --help                of all this, or of one command

  With authentication the secret is taken from the environment variable BLOOM_SECRET. NO_COLOR switches colours off.

  Ends with 0 done, 1 failed (nothing changed, or taken back), 2 wrong usage, 3 no answer from the node,
  4 a check or requirement not met, 5 not allowed, 6 failed and could not be taken back, 130 interrupted.
  """

  @switching """
    --mode hot|restart    only while the node runs (else end with 4); or by a restart in any case
    --force               try a version again that did not pass its trial
    --no-wait             do not wait for the end of the probation
    --timeout SECONDS     how long the node may be away in a restart, 600 by default
  """

  @archive """
    --archive PATH        copy this archive to where the node looks for archives, first
  """

  @commands %{
    "deploy" => """
    Usage: bin/bloom deploy VERSION [OPTIONS]

    Installs a release from its archive in the releases directory (skipped where that is installed already), switches
    to it, and waits until it has passed its probation and is committed, or was taken back.

    Ctrl-C leaves the deployment running: watch it with bin/bloom follow, stop it with bin/bloom cancel.

    #{@archive}#{@switching}\
    """,
    "install" => """
    Usage: bin/bloom install VERSION [OPTIONS]

    Checks the archive NAME-VERSION.tar.gz in the releases directory and puts the release in place.

    #{@archive}\
    """,
    "switch" => """
    Usage: bin/bloom switch VERSION [OPTIONS]

    Makes an installed release the running one and waits until it is committed, or was taken back.

    #{@switching}\
    """,
    "rollback" => """
    Usage: bin/bloom rollback [OPTIONS]

    Goes back to the release that ran before. A release on probation is taken back at once.

    #{@switching}\
    """,
    "status" => """
    Usage: bin/bloom status

    Says which release runs, what is in progress, and what came of the last deployment.
    """,
    "health-check" => """
    Usage: bin/bloom health-check

    Runs the health checks of the node. Ends with 4 when one fails.
    """,
    "plan" => """
    Usage: bin/bloom plan VERSION [--require hot|restart]

    Says how a switch to an installed release would go, and why, without switching.

    --require hot         end with 4 unless the node keeps running
    --require restart     end with 4 where the release is refused
    """,
    "history" => """
    Usage: bin/bloom history [--limit N]

    Lists the deployments that were, newest first; the last 20, or as many as --limit says (1 to 10000).
    """,
    "releases" => """
    Usage: bin/bloom releases

    Lists the releases that the node has, latest registered first.
    """,
    "remove" => """
    Usage: bin/bloom remove VERSION [--dry-run]

    Removes a release with the files that no other needs. --dry-run says what would be removed.
    """,
    "backup" => """
    Usage: bin/bloom backup VERSION

    Backs the databases of the node up, under a version's name, and verifies the backup.
    """,
    "cancel" => """
    Usage: bin/bloom cancel

    Stops the deployment in progress and waits until what it did is undone.
    """,
    "follow" => """
    Usage: bin/bloom follow [--timeout SECONDS]

    Watches the deployment in progress to its end, over a restart of the node too. Ends as the deployment does.
    """,
    "verify-audit" => """
    Usage: bin/bloom verify-audit

    Proves the chain of the audit log. Ends with 4 where a row was changed or removed. Says how many rows came without a
    digest, which is right only where an older Bloom has run.
    """
  }

  @doc "The help of a command, or of everything."
  @spec text(String.t() | nil) :: String.t()
  def text(nil), do: @general
  def text(command), do: Map.fetch!(@commands, command)
end
