defmodule Bloom.Config.Safety do
  @moduledoc "The options of the watch over a new release, a part of the schema of `Bloom.Config`."

  @schema [
    max_error_rate_per_minute: [
      type: :non_neg_integer,
      default: 10,
      doc: "How many errors a minute a new release may log while it is on probation, see `Bloom.SafetyMonitor`."
    ],
    max_response_time_ms: [
      type: :pos_integer,
      default: 5_000,
      doc: "How long a response probe may take while a new release is on probation, in milliseconds."
    ],
    response_probes: [
      type: {:custom, Bloom.SafetyMonitor.Probe, :entries?, "a keyword list of response probes"},
      default: [],
      doc: "What is asked every second, by name: `{module, function, arguments}` or `\"http://127.0.0.1:4000/health\"`."
    ],
    response_probe_timeout_ms: [
      type: :pos_integer,
      default: 10_000,
      doc: "After how long a response probe without an answer has failed, in milliseconds."
    ]
  ]

  @doc "This part of the schema."
  @spec schema() :: keyword()
  def schema, do: @schema
end
