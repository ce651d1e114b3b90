defmodule Demo.BadDays do
  # Versions that must not stay, and a node that is killed: each day ends on 1.0.0, in the way that is expected of it.

  alias Bloom.Test.{Load, Node}
  alias Demo.{Operation, Show}

  # A hot day costs nothing. A trial is two starts, its own and that of the old release; a crash is one.
  @starts %{hot: 0, trial: 2, crash: 1}

  @days [
    %{
      version: "1.3.0-unhealthy",
      what: "its health check fails",
      kind: :hot,
      outcome: :taken_back,
      reason: "health check garden failed: drought"
    },
    %{
      version: "1.3.0-noisy",
      what: "it logs errors under load",
      kind: :hot,
      outcome: :taken_back,
      reason: "since the switch, limit 10 a minute"
    },
    %{
      version: "1.3.0-raises",
      what: "its code_change raises",
      kind: :hot,
      outcome: :failed,
      reason: "code_change of Garden.Beds failed on a copy of live state"
    },
    %{
      version: "1.3.0-noboot",
      what: "its configuration does not resolve",
      kind: :hot,
      outcome: :failed,
      reason: "GARDEN_WELL_THAT_NOBODY_DUG"
    },
    %{
      version: "1.6.0-trialfails",
      what: "it needs a restart and does not come up",
      kind: :trial,
      outcome: :taken_back,
      reason: "did not come up on its trial"
    },
    %{
      version: "1.1.0",
      what: "kill -9 during its probation",
      kind: :crash,
      outcome: :taken_back,
      reason: "was interrupted in step probation"
    }
  ]

  @doc "The environment of the node that they happen to."
  def env, do: [{"GARDEN_PROBATION_MS", "15000"}, {"GARDEN_RESTARTED_BY", "the demo"}]

  def versions, do: Enum.map(@days, & &1.version)

  @doc "Runs the days of these versions on a node of 1.0.0 that is started again, and answers one row for each."
  def run(node, archives, versions \\ versions()) do
    for day <- @days, day.version in versions, do: run_day(node, archives, day)
  end

  defp run_day(node, archives, day) do
    before = beds(node)
    starts = Node.starts(node)
    :ok = Operation.install(node, archives, day.version)
    {:ok, load} = Load.during(node.http_port, fn -> happens(node, day) end, restarts: day.kind != :hot)
    {:ok, [latest | _]} = Node.rpc(node, Bloom.Metadata, :get_deployment_history, [])

    %{
      expected: day,
      ended: Map.take(latest, [:operation, :version, :outcome, :reason]),
      running: Node.get(node, "/version"),
      starts: Node.starts(node) - starts,
      requests: load.requests,
      failed: load.failed,
      # What there was, and what of it has to be there: all, or what was answered since the last start.
      watered: before + load.watered,
      kept: if(day.kind == :hot, do: before + load.watered, else: load.kept),
      counted: beds(node),
      silence_ms: round(load.silence_ms)
    }
  end

  defp beds(node), do: node |> Node.get("/beds") |> String.to_integer()

  defp happens(node, %{kind: :crash, version: version}) do
    :ok = Operation.run(node, "switch to #{version}", :switch_release, [version, []])
    :ok = Show.step("kill -9", fn -> Node.kill(node) end)
    Node.await_idle(node)
  end

  defp happens(node, %{version: version}) do
    starts = Node.starts(node)

    if Operation.run(node, "switch to #{version}", :switch_release, [version, [wait: :commit]]) == {:ok, :restarting} do
      :ok = Show.step("trial of #{version}", fn -> Node.await_start(node, starts + @starts.trial) end)
    end

    Node.await_idle(node)
  end

  @doc "What is not as expected of a day, in words; nothing where it ended as it should."
  def wrong(%{expected: expected, ended: ended} = day) do
    expected_end = {:switch, expected.version, expected.outcome}
    starts = @starts[expected.kind]

    for {true, why} <- [
          {day.running != "1.0.0", "#{day.running} runs, not 1.0.0"},
          {{ended.operation, ended.version, ended.outcome} != expected_end,
           "#{ended.operation} of #{ended.version} ended as #{inspect(ended.outcome)}, not #{inspect(expected_end)}"},
          {not String.contains?(ended.reason || "", expected.reason),
           "the reason does not say #{inspect(expected.reason)}: #{ended.reason}"},
          {day.starts != starts, "the node started #{day.starts} times, not #{starts}"},
          {expected.kind == :hot and day.failed > 0, "#{day.failed} requests failed"},
          {day.counted != day.kept, "the state is #{day.counted}, not #{day.kept}"}
        ],
        do: why
  end

  @doc "The days that did not end as expected, and why not."
  def failures(days), do: for(day <- days, [_ | _] = wrong <- [wrong(day)], do: {day.expected.version, wrong})

  def show(days) do
    IO.puts("")

    for %{expected: expected, ended: ended} = day <- days do
      IO.puts("#{expected.version}: #{expected.what}")
      IO.puts("    #{ended.outcome}: #{(ended.reason || "") |> String.split("\n") |> hd()}")

      IO.puts(
        "    runs #{day.running}, #{day.requests} requests, #{day.failed} failed, state lost: #{day.watered - day.counted}, " <>
          "longest time without an answer: #{day.silence_ms} ms"
      )

      for why <- wrong(day), do: IO.puts("    not as expected: #{why}")
    end
  end
end
