defmodule Bloom.ErrorInterpreter.Catalogue.System do
  @moduledoc "The journal, the machine, processes and nodes."

  use Bloom.ErrorInterpreter.Catalogue.Area, title: "The journal, the machine, processes and nodes"

  @journal "See [The journal](the-journal.md)."

  @impl true
  def entries do
    [
      store_damaged:
        {["the journal … is damaged (…)", "the journal holds a term that cannot be read: restore it from a copy"],
         "It was kept aside as `bloom.db.damaged-…`; the node serves on, and nothing is deployed.",
         "Put a good copy in its place, or give the history up with `Bloom.Metadata.start_anew/0`. #{@journal}"},
      store_read_only:
        {"the journal … cannot be written (…)", "Without its journal Bloom changes nothing.",
         "Give the node's user the right to write it and its directory."},
      store_newer:
        {"the journal … was written by a newer Bloom and needs schema …, this one knows …",
         "A release with an older Bloom runs beside a journal of a newer one.",
         "Run the newer release, or restore the journal from before it."},
      store_busy:
        {"the journal … is in use by somebody else", "Another program has it open for writing.",
         "Close what else has it open and try again."},
      store_moved:
        {"the journal … was moved or replaced while it was open: try again",
         "The file at its place is another one now.", "Try again: it is opened anew."},
      store_failed:
        {"the journal … does not work (…)", "SQLite or the file system gave another reason.",
         "Look at the file and its file system. #{@journal}"},
      store_closed:
        {"the journal was closed: open it again", "It was used after it had been closed.",
         "Try again; report it if it stays."},
      not_in_journal:
        {["the journal knows no … …", "There is no deployment …"], "There is no entry with that number.",
         "See `Bloom.Metadata.get_deployment_history/1` for those there are."},
      audit_broken:
        {"the audit log is not as Bloom has written it, at row …: …",
         "A row of the audit log was changed or removed: its digest does not follow from the row before.",
         "Compare `bloom.db` with a copy of it, and find out who can write the file."},
      disk_full:
        {["no space left on device", "no space is left for the journal …: free some and try again"],
         "The disk or the quota is used up. What was begun is undone.", "Free some space there and try again."},
      read_only:
        {"read-only file system", "The file system is mounted for reading only, after an error of the disk perhaps.",
         "Mount it for writing, or move the release to where the node may write."},
      permission_denied:
        {"permission denied", "The user that runs the node may not do this there.", "Give it the right to do so."},
      io:
        {["cannot … …: …; …", "the operating system refuses"],
         "An operation on a file failed for another reason, which the message has.",
         "Check the path, the disk and the system's log."},
      too_many_open_files:
        {"too many open files", "The limit of open files of the process or the system is reached.",
         "Raise `ulimit -n` (`LimitNOFILE` in the systemd unit), and look for what keeps them open."},
      out_of_memory:
        {"not enough memory", "The system gave no memory.", "Free some, or give the machine or the container more."},
      network:
        {"connection refused", "The other side does not run or cannot be reached.",
         "See whether it runs, then try again."},
      unknown:
        {"the operating system does not tell …: see whether /proc is mounted and readable",
         "Figures of memory or disk are not to be had.", "Mount `/proc` for the node."},
      damaged_file:
        {"a file is damaged in line …", "A file of Erlang terms cannot be understood.",
         "Restore it, or install the release again."},
      native_not_loaded:
        {"Bloom's native library is not loaded: …", "The library in `priv/native` is missing or is for another system.",
         "Build on the system it runs on; see [Installing without Rust](installing-without-rust.md)."},
      native_panic:
        {"Bloom's native code has a bug (…)", "The library caught its own failure; the VM lives on.",
         "Report it with the message."},
      native_vm_failed:
        {"the VM beside the node ended with status … and no answer…",
         "Work that must not endanger the node is done in a VM beside it, and that one ended.",
         "See whether another VM can be started there: memory, limit of processes."},
      no_thread:
        {"cannot start a thread (…)", "The limit of processes and threads of the user is reached.",
         "Raise it (`ulimit -u`, `TasksMax` in the systemd unit)."},
      program_not_started:
        {"cannot start …: …; check that it is installed and may be run", "A program that Bloom needs could not be run.",
         "Install it, or correct the path to it."},
      process_lost: {"cannot talk to …: …; try again", "The pipe to a program broke.", "Try again."},
      timed_out:
        {"… was stopped, as it had not ended after … s: allow more time, or look at what it waits for",
         "A program took longer than its time limit.",
         "Raise the timeout of what was done, or look at what the program waits for."},
      too_much_output:
        {"… has answered more than … bytes: look at what it answers", "A program printed more than an answer has.",
         "Run it by hand and look."},
      no_process:
        {"… does not run", "A process was called that is not there.", "See whether its application is started."},
      no_answer:
        {"… did not answer in time", "A process was called and is busy or stuck.", "Try again when it is less busy."},
      process_ended:
        {["a process was killed", "a process ended before it had answered"],
         "It was killed, or stopped while somebody waited for it.", "See the log for why."},
      system_limit:
        {"a limit of the VM is reached", "Processes, ports, atoms or tables are used up.",
         "Look for what takes them, or raise the limit with flags of `erl`."},
      node_unreachable:
        {"… does not answer", "There is no connection to the node.",
         "See whether it runs, and whether name and cookie are right."},
      crashed:
        {"it failed: …", "Code raised; the log has the place.", "See the log; report it if the place is Bloom's own."},
      unknown_reason:
        {"something went wrong that Bloom does not know (…)", "A reason that nobody expected.",
         "The whole of it is in the log, with `detailed_error_logging`. Report it."}
    ]
  end
end
