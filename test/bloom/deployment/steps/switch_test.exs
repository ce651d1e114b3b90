defmodule Bloom.Deployment.Steps.SwitchTest do
  # What the step writes down before it does anything: with a plan that lets it do nothing.
  use ExUnit.Case

  alias Bloom.Deployment.Context
  alias Bloom.Deployment.Steps.Switch
  alias Bloom.{Error, Metadata, Plan, Root, SafetyMonitor}

  test "the minutes before the switch are in the journal as its baseline, with the way there" do
    root = %Root{path: "", name: "garden", running: "1.0.0"}
    {:ok, id} = Metadata.start_deployment(%{operation: :switch, version: "1.1.0", from_version: "1.0.0"})
    plan = %Plan{root: "", name: "garden", running: "1.0.0", target: "1.1.0", decision: :restart}
    context = %Context{id: id, operation: :switch, version: "1.1.0", root: root, plan: plan, opts: [mode: :hot]}

    before = SafetyMonitor.baseline()
    assert {:error, %Error{code: :restart_required}} = Switch.run(context)
    later = SafetyMonitor.baseline()

    {:ok, %{mode: :restart, facts: %{mode: :restart, baseline: baseline}}} = Metadata.get_deployment(id)
    assert Map.keys(baseline) == Map.keys(later)
    assert baseline.taken_at in before.taken_at..later.taken_at
    assert baseline.seconds in before.seconds..later.seconds
  end
end
