defmodule Bloom.ErrorInterpreter.Catalogue.Releases do
  @moduledoc "Releases on the node: what is installed, kept and removed, and what OTP's release handler says."

  use Bloom.ErrorInterpreter.Catalogue.Area, title: "Releases on the node"

  @impl true
  def entries do
    [
      not_a_release:
        {"this node does not run a release", "The node was started by `mix` or `iex`, or its launcher is not Mix's.",
         "Build a release and start it with `bin/NAME start`. In test suites use `Bloom.MockReleaseHandler`."},
      no_running_release:
        {"the release handler knows no running release", "As above, or sasl is not started.",
         "Start the node from a release made by `mix release`."},
      already_running:
        {"release … is running already", "There is nothing to install or switch to.", "Give a new build a new version."},
      other_release:
        {"version … is one of the release …, and … runs here",
         "Two releases share a root, and only versions of the one that runs can be switched to.",
         "Build the release that runs in that version and install its archive."},
      already_installed:
        {"release … is installed already", "The version is registered.", "Switch to it, or remove it first."},
      bad_status: {"the release is …, not running", "Only what runs can be made permanent.", "Switch to it first."},
      release_needed:
        {[
           "release … runs",
           "release … is what boots next",
           "release … is what a rollback goes back to",
           "release … is part of a deployment that has not ended"
         ], "The release runs, boots next, or is what a rollback goes back to; the message says which.",
         "Remove it when that has changed: after a switch to another release and its commit."},
      on_probation:
        {"the running release is not permanent yet", "Until the commit the list of releases must not be changed.",
         "Wait for the commit."},
      release_incomplete:
        {["… is missing", "… is no directory", "the .rel file of the release does not describe one"],
         "Files of an installed release are gone or are not what they were.", "Install its archive again."},
      not_unpacked:
        {"… cannot be unpacked: …", "OTP's own unpacking failed; Bloom does not use it, a test suite may.",
         "See whether the disk is full and the archive whole."},
      no_rel_file:
        {"release … has no .rel file: install its archive again", "The release's directory is damaged.",
         "Install its archive again."},
      releases_damaged:
        {[
           "…/releases/RELEASES cannot be read, so nobody knows what is installed",
           "… is damaged or does not list release …",
           "releases/start_erl.data of … cannot be read"
         ], "A file that says which releases there are, or which one boots, cannot be read.",
         "Restart the node: Bloom makes it anew from what lies there."},
      release_handler:
        {"OTP's release handler refused",
         "OTP's release handler gave a reason that needs no code of its own; the message says which.",
         "Do what the suggestion says. What was begun is undone."},
      no_rollback_target:
        {[
           "there is no earlier release to roll back to",
           "release …, which a rollback would go back to, has been removed",
           "There is no release to roll back to"
         ], "The history and the list of releases name nothing to go back to.",
         "Switch to a release by its version; install it again where it was removed."},
      trial_unreadable:
        {"nobody can tell which release is on trial: …",
         "`releases/.bloom-trial*` cannot be read, so nothing is removed.",
         "Make these files readable for the node's user."},
      leftovers_unreadable:
        {"what an interrupted removal left cannot be read: …",
         "`releases/.bloom-removing` cannot be read, so nothing is removed.", "Make it readable for the node's user."},
      unknown_needs:
        {"nobody can tell which libraries release … needs: …",
         "A release's description is damaged, so nothing is removed that it may need.",
         "Install that release again, or move its directory away if it is none."},
      not_removed:
        {"nothing that runs was touched, but not all could be removed: …",
         "The disk refused; what was begun is finished by the next removal.",
         "Make the root writable for the node's user, or make room there, and try again."},
      no_boot_guard:
        {"the permanent release of … has no boot guard in its env.sh, so no trial can be booted",
         "The release that boots was built without Bloom's build step, so a restart could not be taken back.",
         "Deploy by hand once, a release that was built with `Bloom.Release.prepare/1`."},
      no_restarter:
        {[
           "… and … nothing is known that starts the node again when it ends",
           "… and … its vm.args has no -heart, so nothing would start the node again after its trial"
         ], "A restart was wanted, and nothing would start the node again when it ends.",
         "Set `Restart=always` in the systemd unit, run with heart, or declare `restarted_by`."}
    ]
  end
end
