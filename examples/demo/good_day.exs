defmodule Demo.GoodDay do
  # Up, up and back again on one node under load: nothing is lost.

  alias Bloom.Test.{Load, Node}
  alias Demo.{Operation, Show}

  @phase_ms 8_000

  def run(node, archives) do
    pid = Node.os_pid(node)
    {_, baseline} = Show.step("load without a switch, #{@phase_ms} ms", fn -> phase(node, fn -> :ok end) end)

    {results, load} =
      phase(node, fn ->
        [
          Operation.upgrade(node, archives, "1.1.0"),
          Operation.upgrade(node, archives, "1.2.0"),
          Operation.run(node, "roll back", :rollback_release, [[wait: :commit]])
        ]
      end)

    kept = baseline.watered + load.watered
    counted = node |> Node.get("/beds") |> String.to_integer()

    %{
      requests: baseline.requests + load.requests,
      failed: baseline.failed + load.failed,
      failures: baseline.failures ++ load.failures ++ Enum.reject(results, &(&1 == :ok)),
      os_pid_unchanged: Node.os_pid(node) == pid,
      state_preserved: counted == kept,
      switches: results |> Enum.take(2) |> Enum.count(&(&1 == :ok)),
      rollbacks: results |> Enum.drop(2) |> Enum.count(&(&1 == :ok)),
      running: Node.get(node, "/version"),
      max_latency_ms: load.max_ms,
      baseline_max_latency_ms: baseline.max_ms,
      p99_latency_ms: load.p99_ms,
      baseline_p99_latency_ms: baseline.p99_ms
    }
  end

  # Both phases have the same load for the same time.
  defp phase(node, fun) do
    Load.during(node.http_port, fn ->
      started = System.monotonic_time(:millisecond)
      result = fun.()
      rest = max(@phase_ms - (System.monotonic_time(:millisecond) - started), 0)
      receive after: (rest -> result)
    end)
  end

  def rows(summary) do
    [
      {"requests", summary.requests},
      {"failed", summary.failed},
      {"switches, rollbacks", "#{summary.switches}, #{summary.rollbacks}"},
      {"state preserved", summary.state_preserved},
      {"OS process unchanged", summary.os_pid_unchanged},
      {"running at the end", summary.running},
      {"p99 latency, with and without", "#{summary.p99_latency_ms} ms, #{summary.baseline_p99_latency_ms} ms"},
      {"max latency, with and without", "#{summary.max_latency_ms} ms, #{summary.baseline_max_latency_ms} ms"}
    ]
  end

  def good?(summary) do
    summary.failed == 0 and summary.failures == [] and summary.state_preserved and summary.os_pid_unchanged and
      {summary.switches, summary.rollbacks} == {2, 1}
  end
end
