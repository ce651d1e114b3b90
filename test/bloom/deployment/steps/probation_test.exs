defmodule Bloom.Deployment.Steps.ProbationTest do
  # With a plan that touches nothing, so that there is nothing to prove but that the node is well.
  use ExUnit.Case

  alias Bloom.Deployment.Context
  alias Bloom.Deployment.Steps.Probation
  alias Bloom.{Error, HealthChecker, Plan, Root, SafetyMonitor, Telemetry}

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

  describe "what is said while the last checks run" do
    setup do
      Application.put_env(:bloom, :probation_ms, 1)
      checked_by_hand()
    end

    test "by the safety monitor counts", %{context: context} do
      probation = during_the_last_checks(context)
      %{watch: %{ref: ref}} = :sys.get_state(SafetyMonitor)
      send(probation.pid, {:bloom_safety, ref, {:unsafe, ["200 errors"]}})
      assert {:error, %Error{code: :unsafe, message: "200 errors"}} = end_checks(probation)
    end

    test "by somebody who cancels counts", %{context: context} do
      probation = during_the_last_checks(context)
      send(probation.pid, :bloom_cancel)
      assert {:error, %Error{code: :cancelled}} = end_checks(probation)
    end

    test "is nothing where all is well", %{context: context} do
      assert {:ok, ^context} = context |> during_the_last_checks() |> end_checks()
    end
  end

  describe "a probation whose monitor watches another release" do
    setup do
      elsewhere = start_supervised!({Agent, fn -> nil end})
      {:ok, _ref} = SafetyMonitor.start(version: "1.2.0", notify: elsewhere)
      checked_by_hand()
      on_exit(fn -> Application.delete_env(:bloom, :health_check_interval_ms) end)
      {:ok, elsewhere: elsewhere}
    end

    test "can be cancelled", %{context: context} do
      probation = Task.async(fn -> Probation.run(context) end)
      answer_check(true)
      send(probation.pid, :bloom_cancel)
      assert {:error, %Error{code: :cancelled}} = Task.await(probation)
    end

    test "has its health checks", %{context: context} do
      Application.put_env(:bloom, :health_check_interval_ms, 1)
      probation = Task.async(fn -> Probation.run(context) end)
      for answer <- [true, true, false], do: answer_check(answer)
      assert {:error, %Error{code: :not_proven}} = Task.await(probation)
    end

    test "goes on with it as soon as it is free", %{context: context, elsewhere: elsewhere} do
      Application.put_env(:bloom, :health_check_interval_ms, 1)
      probation = Task.async(fn -> Probation.run(context) end)
      for _check <- 1..2, do: answer_check(true)
      Agent.stop(elsewhere)
      answer_until_watched()
      send(probation.pid, :bloom_cancel)
      assert {:error, %Error{code: :cancelled}} = end_checks(probation)
    end

    test "is none that could be passed", %{context: context} do
      Application.put_env(:bloom, :probation_ms, 1)
      assert {:error, %Error{code: :already_watching}} = context |> during_the_last_checks() |> end_checks()
    end
  end

  # Leaves the last check without an answer.
  defp answer_until_watched do
    assert_receive {:checking, check}, 10_000

    if SafetyMonitor.status().version == "1.1.0" do
      Process.put(:check, check)
    else
      send(check, {:answer, true})
      answer_until_watched()
    end
  end

  # The first checks pass; from then on the test answers.
  defp during_the_last_checks(context) do
    probation = Task.async(fn -> Probation.run(context) end)
    answer_check(true)
    assert_receive {:checking, check}, 10_000
    Process.put(:check, check)
    probation
  end

  defp end_checks(probation) do
    send(Process.get(:check), {:answer, true})
    Task.await(probation)
  end

  defp answer_check(answer) do
    assert_receive {:checking, check}, 10_000
    send(check, {:answer, answer})
  end

  defp checked_by_hand do
    test = self()

    :ok =
      HealthChecker.register_check(:by_hand, fn ->
        send(test, {:checking, self()}) && receive(do: ({:answer, answer} -> answer))
      end)

    on_exit(fn -> HealthChecker.unregister_check(:by_hand) end)
  end
end
