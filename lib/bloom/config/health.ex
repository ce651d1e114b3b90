defmodule Bloom.Config.Health do
  @moduledoc "The options of health checks, a part of the schema of `Bloom.Config`."

  @schema [
    health_checks: [
      type: {:custom, Bloom.HealthChecker.Check, :entries?, "a keyword list of health checks"},
      default: [],
      doc: "Health checks by name: `check` or `{check, critical: false}`, see `Bloom.HealthChecker`."
    ],
    health_check_timeout_ms: [
      type: :pos_integer,
      default: 5_000,
      doc: "How long one health check may take, in milliseconds."
    ],
    memory_threshold_bytes: [
      type: :pos_integer,
      default: nil,
      doc: "How much memory the VM may hold. Default: no limit of its own, see `max_memory_ratio`."
    ],
    max_memory_ratio: [
      type: :ratio,
      default: 0.95,
      doc: "How much of the container's or service's memory, else of the machine's, may be taken."
    ],
    min_processes: [
      type: :non_neg_integer,
      default: 10,
      doc: "How many processes there must be at least."
    ],
    max_process_ratio: [
      type: :ratio,
      default: 0.9,
      doc: "How much of the VM's limit of processes may be taken."
    ],
    max_message_queue_length: [
      type: :pos_integer,
      default: 100_000,
      doc: "How many messages may wait for one process."
    ],
    max_scheduler_delay_ms: [
      type: :pos_integer,
      default: 500,
      doc: "How long a new process may wait until it runs, in milliseconds."
    ]
  ]

  @doc "This part of the schema."
  @spec schema() :: keyword()
  def schema, do: @schema
end
