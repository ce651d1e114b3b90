defmodule Bloom.Deployment.Steps.ProbationTest do
  # With a plan that touches nothing, so that there is nothing to prove but that the node is well.
  use ExUnit.Case

  alias Bloom.Deployment.Context
  alias Bloom.Deployment.Steps.Probation
  alias Bloom.{Error, Plan, Root, SafetyMonitor, Telemetry}

  @baseline %{taken_at: 1, seconds: 300, errors_per_minute: 77, response_ms: %{}, response_failed: %{}}

  @moduletag :tmp_dir

  setup %{tmp_dir: path} do
    Application.put_env(:bloom, :probation_ms, 60_000)
    on_exit(fn -> Application.delete_env(:bloom, :probation_ms) end)
    root = %Root{path: path, name: "garden", running: "1.0.0"}
    plan = %Plan{root: path, name: "garden", running: "1.0.0", target: "1.1.0", decision: :hot}
    context = %Context{operation: :switch, version: "1.1.0", root: root, plan: plan, opts: [wait: :commit]}
    {:ok, context: Context.put_facts(context, %{baseline: @baseline})}
  end

  test "the release is judged beside the baseline that the switch has kept", %{context: context} do
    :ok = Telemetry.subscribe()
    probation = Task.async(fn -> Probation.run(context) end)
    assert_receive {:bloom_event, [:bloom, :safety_monitor, :reading], _measures, %{version: "1.1.0"}}, 10_000
    judgement = SafetyMonitor.last_judgement()
    send(probation.pid, :bloom_cancel)
    assert {:error, %Error{code: :cancelled}} = Task.await(probation)
    assert judgement.baseline == @baseline
    assert SafetyMonitor.status().state == :idle
  end
end
