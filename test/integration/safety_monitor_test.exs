defmodule Bloom.Integration.SafetyMonitorTest do
  # What the monitor says of real releases that answer every request and are bad all the same.
  use Bloom.Test.ReleaseCase

  alias Bloom.SafetyMonitor

  # The baseline is of the minutes before: long enough to hold a few answers of the probe.
  defp baseline(node) do
    case Node.rpc(node, SafetyMonitor, :baseline, []) do
      %{response_ms: %{"look" => ms}, errors_per_minute: errors} = baseline when ms != nil and errors != nil -> baseline
      _too_early -> receive(after: (100 -> baseline(node)))
    end
  end

  defp watch(node, version, baseline) do
    {:ok, ref} = Node.rpc(node, SafetyMonitor, :start, [[version: version, notify: self(), baseline: baseline]])
    ref
  end

  defp judged(node, fun) do
    judgement = Node.rpc(node, SafetyMonitor, :last_judgement, [])
    if judgement && fun.(judgement), do: judgement, else: receive(after: (100 -> judged(node, fun)))
  end

  @tag garden: "1.1.0"
  test "errors beside answered requests take moments to be seen", %{node: node} do
    :ok = install(node, "1.3.0-noisy")
    baseline = baseline(node)
    assert baseline.errors_per_minute == 0
    assert :ok = switch(node, "1.3.0-noisy")
    ref = watch(node, "1.3.0-noisy", baseline)

    {reasons, load} =
      Load.during(node.http_port, fn ->
        assert_receive {:bloom_safety, ^ref, {:unsafe, reasons}}, 10_000
        reasons
      end)

    assert load.failures == []
    assert [reason] = reasons
    assert reason =~ ~r/^\d+ errors in the \d s since the switch, limit 10 a minute, 0 before the switch$/
    assert Node.rpc(node, SafetyMonitor, :stop, []) == :ok
  end

  @tag garden: "1.1.0"
  test "a probe that has become slow is seen over its URL", %{node: node} do
    :ok = install(node, "1.3.0-slow")
    baseline = baseline(node)
    assert :ok = switch(node, "1.3.0-slow")
    ref = watch(node, "1.3.0-slow", baseline)
    assert_receive {:bloom_safety, ^ref, {:unsafe, [reason]}}, 30_000
    assert reason =~ ~r/^response probe look takes \d+ ms, limit 1000 ms, [\d.]+ ms before the switch$/
  end

  test "a good release under load is safe, before and after a switch of its code", %{node: node} do
    :ok = install(node, "1.1.0")
    baseline = baseline(node)

    {judgement, load} =
      Load.during(node.http_port, fn ->
        assert :ok = switch(node, "1.1.0")
        ref = watch(node, "1.1.0", baseline)
        judgement = judged(node, &(&1.verdict != :too_early and &1.measures.seconds >= 5))
        refute_received {:bloom_safety, ^ref, _unsafe}
        judgement
      end)

    assert load.failures == []
    assert %{verdict: :safe, reasons: [], version: "1.1.0"} = judgement
    assert Node.rpc(node, Bloom.HealthChecker, :run_checks, [])
  end
end
