defmodule Bloom.Telemetry.Events do
  @moduledoc """
  Every event that Bloom emits, with what it measures and what is told with it: the one place where an event is added.

  The table in the guide "Telemetry" is tested against this one.
  """

  @type t :: %{event: [atom()], measurements: [atom()], metadata: [atom()], doc: String.t()}

  @start [:system_time, :monotonic_time]
  @stop [:duration, :monotonic_time]
  @deployment [:deployment, :operation, :version, :from_version]
  @span [:telemetry_span_context]
  @crash [:kind, :reason, :stacktrace]

  @events [
    {[:bloom, :deployment, :start], @start, @deployment ++ [:resumed],
     "A deployment begins, or goes on after a crash or a restart (`resumed`)."},
    {[:bloom, :deployment, :stop], @stop, @deployment ++ [:resumed, :outcome, :reason],
     "It has ended, goes on in the next life of the VM (`:restarting`) or in Bloom's new code (`:handed_over`), or is left to be completed (`:left_open`)."},
    {[:bloom, :deployment, :exception], @stop, @deployment ++ [:resumed | @crash],
     "The process that walked it was killed; what it left is settled next, with a `start` of its own."},
    {[:bloom, :step, :start], @start, @deployment ++ [:step, :phase], "A step begins to be done or undone (`phase`)."},
    {[:bloom, :step, :stop], @stop, @deployment ++ [:step, :phase, :result, :reason],
     "It has ended: `result` is `:ok`, `:error`, `:restarting` or `:handover`."},
    {[:bloom, :step, :exception], @stop, @deployment ++ [:step, :phase | @crash], "It raised, threw or exited."},
    {[:bloom, :rollback, :start], @start, @deployment ++ [:reason], "What a deployment did is taken back, and why."},
    {[:bloom, :rollback, :stop], @stop, @deployment ++ [:reason, :result, :error, :undone],
     "It has ended: `result` is `:ok`, `:restarting`, or `:error` with what kept it from being undone; `undone` are steps."},
    {[:bloom, :hook, :start], @start, @deployment ++ [:kind, :hook, :outcome, :reason],
     "A hook is called, see `Bloom.Hook`."},
    {[:bloom, :hook, :stop], @stop, @deployment ++ [:kind, :hook, :outcome, :reason, :result, :error, :attempts],
     "It has ended: `result` is `:ok` or `:error` with its reason, after so many `attempts`."},
    {[:bloom, :health_check, :start], @start, [:name, :critical], "A health check is asked."},
    {[:bloom, :health_check, :stop], @stop, [:name, :critical, :result, :reason],
     "It has answered: `result` is `:ok` or `:error`. One that raises or hangs is an `:error`, too."},
    {[:bloom, :rpc, :start], @start, [:operation, :who], "Something is asked for from outside, see `Bloom.RPC`."},
    {[:bloom, :rpc, :stop], @stop, [:operation, :who, :result, :code],
     "It was answered or refused: `result` is `:ok`, or `:error` with its `code`."},
    {[:bloom, :safety_monitor, :reading],
     [:seconds, :errors_per_minute, :scheduler_delay_ms, :memory_bytes, :memory_free_bytes, :processes],
     [:version, :verdict, :reasons, :response_ms, :response_failures],
     "Once a second of probation. What is not known yet is left out."}
  ]

  @doc """
  All of them.

      iex> [first | _others] = Bloom.Telemetry.Events.all()
      iex> first.event
      [:bloom, :deployment, :start]
  """
  @spec all() :: [t()]
  def all do
    for {event, measurements, metadata, doc} <- @events do
      span = if List.last(event) in [:start, :stop, :exception], do: @span, else: []
      %{event: event, measurements: measurements, metadata: metadata ++ span, doc: doc}
    end
  end

  @doc """
  Their names, as `:telemetry.attach_many/4` takes them.

      iex> [:bloom, :step, :stop] in Bloom.Telemetry.Events.names()
      true
  """
  @spec names() :: [[atom()]]
  def names, do: Enum.map(all(), & &1.event)
end
