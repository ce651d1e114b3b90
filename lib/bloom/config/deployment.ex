defmodule Bloom.Config.Deployment do
  @moduledoc "The options of a switch, from its rehearsal to the end of its probation, a part of the schema of `Bloom.Config`."

  @schema [
    busy_timeout_ms: [
      type: :pos_integer,
      default: 1_000,
      doc: "How long a supervisor or a process to be upgraded may take to answer before the switch, in milliseconds."
    ],
    old_code_timeout_ms: [
      type: :non_neg_integer,
      default: 5_000,
      doc: "How long to wait for processes to leave old code, in milliseconds. They are never killed."
    ],
    rehearsal: [
      type: :boolean,
      default: true,
      doc: "Try code_change on copies of live state in a VM beside the node before the switch."
    ],
    rehearsal_timeout_ms: [
      type: :pos_integer,
      default: 60_000,
      doc: "How long the VM beside the node may take, in milliseconds."
    ],
    rehearsal_memory_mb: [
      type: :non_neg_integer,
      default: 64,
      doc: "How much memory must be free for the VM beside the node before a switch, in megabytes."
    ],
    probation_ms: [
      type: :non_neg_integer,
      default: 60_000,
      doc: "How long a new release is watched after a switch before it is committed, in milliseconds."
    ],
    health_check_interval_ms: [
      type: :pos_integer,
      default: 10_000,
      doc: "How often the critical health checks run during probation, in milliseconds."
    ],
    trial_timeout_ms: [
      type: :pos_integer,
      default: 120_000,
      doc: "How long a release on trial may take after a restart until its checks have passed, in milliseconds."
    ],
    restarted_by: [
      type: :string,
      default: nil,
      doc: "What starts the node again when it ends, in words, where it is neither systemd nor heart."
    ],
    restart_stop_timeout_ms: [
      type: :pos_integer,
      default: 30_000,
      doc: "How long the node may take to stop for a restart before it is killed, in milliseconds."
    ],
    rollback_failure_callback: [
      type: {:or, [:callback, :mfa]},
      default: nil,
      doc:
        "Called with a map (`:code`, `:message`, `:operation`, `:version`, `:running`) when a release could not be taken back."
    ]
  ]

  @doc "This part of the schema."
  @spec schema() :: keyword()
  def schema, do: @schema
end
