defmodule Bloom.Integration.SafetyMonitorTest do
  # What the monitor says of real releases that answer every request and are bad all the same.
  use Bloom.Test.ReleaseCase

  alias Bloom.SafetyMonitor

  @noise """
  noise = fn noise ->
    :logger.error("the gate creaks")
    receive(after: (20 -> noise.(noise)))
  end

  spawn(fn -> Process.group_leader(self(), Process.whereis(:init)) && noise.(noise) end)
  """

  # The baseline is of the minutes before: long enough to hold a few answers of the probe, and to say something of errors.
  defp baseline(node, wanted \\ [:errors_per_minute]) do
    baseline = Node.rpc(node, SafetyMonitor, :baseline, [])
    known? = baseline[:response_ms]["look"] != nil and Enum.all?(wanted, &(baseline[&1] != nil))
    if known?, do: baseline, else: receive(after: (100 -> baseline(node, wanted)))
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
    # On a slow machine the probe may be another reason.
    assert Enum.any?(
             reasons,
             &(&1 =~ ~r/^\d+ errors in the \d+ s since the switch, limit 10 a minute, 0 before the switch$/)
           )

    assert Node.rpc(node, SafetyMonitor, :stop, []) == :ok

    # As many errors beside the old release as beside the new one are no reason to take it back.
    Node.eval(node, @noise)
    Node.rpc(node, Application, :put_env, [:bloom, :probation_ms, 4_000])
    assert :ok = rollback(node)
    assert {:ok, [%{outcome: :committed, mode: :hot} | _]} = Node.rpc(node, Bloom.Metadata, :get_deployment_history, [])
    assert %{measures: measures, limits: limits} = Node.rpc(node, SafetyMonitor, :last_judgement, [])
    assert measures.errors_per_minute > limits.errors_per_minute
  end

  @tag garden: "1.1.0"
  test "a probe that has become slow is seen over its URL", %{node: node} do
    :ok = install(node, "1.3.0-slow")
    baseline = baseline(node, [])
    assert :ok = switch(node, "1.3.0-slow")
    ref = watch(node, "1.3.0-slow", baseline)
    assert_receive {:bloom_safety, ^ref, {:unsafe, reasons}}, 30_000

    assert Enum.any?(
             reasons,
             &(&1 =~ ~r/^response probe look takes \d+ ms, limit 1000 ms, [\d.]+ ms before the switch$/)
           )
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
