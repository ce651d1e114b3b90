defmodule Bloom.ErrorInterpreter.Catalogue.Deployments do
  @moduledoc "A deployment on its way: planned, rehearsed, switched, watched and taken back."

  use Bloom.ErrorInterpreter.Catalogue.Area, title: "Deployments"

  @log "See the log of the node and `Bloom.Metadata.get_deployment_history/1`."

  @impl true
  def entries do
    [
      deployment_in_progress:
        {"… is in progress (…)", "One deployment at a time.",
         "Wait for it (`Bloom.status()`), or stop it with `Bloom.cancel()`."},
      not_started:
        {["Bloom is not running", "Bloom's safety monitor is not running"],
         "The application `:bloom` is not started, or a part of it is just being started again.",
         "Start it, or put `Bloom.Application` into your supervision tree; see the log for why it stopped."},
      interrupted:
        {[
           "… lost its server and goes on without an answer",
           "… was interrupted before its first step",
           "the deployment was interrupted before it had begun",
           "… of release … failed: …"
         ], "A process of Bloom or the VM ended in the middle. What was left is put in order by itself.", @log},
      settling:
        {[
           "release …, which was left unfinished, is taken back first, by a restart",
           "… has replaced Bloom itself, whose new code takes it back"
         ], "An earlier deployment is put in order before the next one, or one that was cancelled by another process.",
         "Try again when the node is back, or idle (`Bloom.status()`)."},
      end_not_written:
        {"… of release … is settled, and its end cannot be written to the journal",
         "The next deployment waits for it: whatever is open in the journal is settled when the node starts.",
         "Make room (a cleanup is let in) and the journal writable, then try again."},
      not_settled:
        {[
           "what the deployment left could not be settled: restart the node",
           "what an interrupted switch left cannot be put in order: …",
           "… of release … took effect and could not be completed: …"
         ], "The node serves on, and deployments are refused until this works.",
         "Make room (a cleanup is let in where the release took effect) and the root writable, then try again or restart the node."},
      overtaken:
        {"… of release … from … was left unfinished, and … runs now, which Bloom has not switched to; nothing of it is undone",
         "The deployment was interrupted, and the node was put on another release by hand before it could be settled.",
         "See `list_releases` and remove what is not wanted. Deployments go on from what runs."},
      nothing_to_cancel:
        {"no deployment is in progress", "There is nothing to stop.", "Nothing; to go back use `rollback_release`."},
      not_cancellable:
        {"it had ended already; roll back instead", "A deployment that is being committed or undone cannot be stopped.",
         "Let it end, then roll back."},
      cancelled:
        {["cancelled; nothing was changed", "cancelled: release … was taken back, … runs"],
         "Somebody called `Bloom.cancel()`.", "Nothing: the node is as the message says."},
      refused:
        {"release … cannot be used: …",
         "The plan found what cannot be whole on this node; the message has the reasons.",
         "Build the release again without what stands there. [How Bloom decides](how-bloom-decides.md) has all rules."},
      restart_required:
        {["release … needs a restart of the VM: …", "the supervisor … …; the release needs a restart of the VM"],
         "It cannot be made whole while the VM runs, and `mode: :hot` was asked for, or it was only found in the rehearsal.",
         "Switch with `mode: :restart`; the running release is untouched."},
      failed_trial:
        {"release … did not pass its trial of …: …",
         "This version was booted before and taken back, so it is not tried again by itself.",
         "Fix it and give it another version, or switch with `force: true`."},
      invalid_config:
        {"the configuration of release … is refused: …",
         "The release's own Bloom would not start with the release's configuration.",
         "Correct it and build the release again; the running release is untouched."},
      required_application_missing:
        {"release … does not contain …, which its required_applications name",
         "The release's own configuration requires an application that nobody packed, so its checks would never pass.",
         "Add the application to the release, or take it out of `required_applications`."},
      application_not_running:
        {["application … does not run", "applications … do not run"],
         "One of `required_applications` has stopped, and a hot switch would not start it.",
         "Start it, take it out of `required_applications`, or switch with `mode: :restart`."},
      too_many_processes:
        {"there are … processes of … that the VM allows, limit …",
         "The VM is near its limit of processes, and a switch needs some.",
         "Let some of them end, raise `max_process_ratio`, or start the VM with a higher `+P`."},
      insufficient_memory:
        {"Insufficient memory for the VM beside the node. Required: …MB, Available: …MB",
         "A switch is rehearsed in a small VM beside the node, and the machine or container has no room for it.",
         "Give it more memory, or lower `rehearsal_memory_mb`."},
      target_vm_failed:
        {"a VM with the code and configuration of release … …",
         "The rehearsal boots the release beside the node, and there it ended. What it printed is in the message.",
         "Fix what it printed and build the release again; the running release is untouched."},
      module_does_not_load:
        {"module … of release … cannot be loaded: …",
         "The rehearsal loads every new module, and one does not; `@on_load`, most likely.",
         "Fix the module and build the release again."},
      code_change_failed:
        {["code_change of … failed on a copy of live state: …", "code_change of … failed: …"],
         "The conversion of a process's state raised or answered nonsense, on a copy: nothing was changed.",
         "Fix `code_change` in that module and build the release again."},
      busy_process:
        {["… did not answer in … ms, and a busy process cannot be upgraded", "a supervisor did not tell its children"],
         "OTP would hang on it or pass it over, so it is refused before anything changes.",
         "Try again when it is idle, or raise `busy_timeout_ms`."},
      old_code_in_use:
        {"… still run code of … from before the last switch",
         "The VM keeps two generations of a module, and a third would kill these processes.",
         "Let them finish or stop them, or raise `old_code_timeout_ms`, then switch again."},
      step_crashed:
        {"… crashed: …", "A step raised, exited or threw; what happened is undone. The log has the place.",
         "See the log; report it if the place is Bloom's own."},
      hook_failed:
        {"the … hook … failed: …",
         "Code of the application, named by the option `hooks`, did not do its work before the switch, which was not done.",
         "See the log for what it did; mend it or take it out of `config :bloom, hooks`."},
      not_proven:
        {["… does not run the code of release …", "the new child … of … did not start"],
         "After the switch a module, a child or a critical health check was not as it should be; it was taken back.",
         "See `Bloom.HealthChecker` and the log for that module or check."},
      unsafe:
        {[
           "… errors in …, limit … a minute, … before the switch",
           "response probe … takes …, limit … ms, … before the switch",
           "the VM holds … of memory, limit …, … before the switch",
           "there are … processes, limit …, … before the switch"
         ], "Errors, response times, memory or processes went over a limit during probation; it was taken back.",
         "Fix the release, or move the limit: see [Health and safety](health-and-safety.md)."},
      already_watching:
        {"the safety monitor is watching release … already", "One release at a time is on probation.",
         "Wait until its probation is over."},
      taken_back:
        {"release … was taken back, … runs: …",
         "The new release did not prove itself and the old one runs again; the rest of the message says why.",
         "Fix the release and install it again."},
      take_back_failed:
        {"… of release … failed (…) and could not be undone: …",
         "Neither forward nor back. `rollback_failure_callback` was called.",
         "Restart the node: the old release is still permanent and boots."},
      not_reverted:
        {"release … runs and is committed, but the migrations of … are still applied: …",
         "The rollback of the release is done, that of its schema is not.",
         "Do what the rest of the message says, then take the migrations back by hand."}
    ]
  end
end
