defmodule Bloom.HookTest do
  # Hooks in deployments of the mock release handler, which are those of the node.
  use ExUnit.Case, async: false

  import ExUnit.CaptureLog

  require Logger

  alias Bloom.{Deployment, Metadata, MockReleaseHandler, Telemetry}
  alias Bloom.Deployment.Status

  defmodule Announced do
    @behaviour Bloom.Hook

    @impl true
    def before_deployment(info), do: Bloom.HookTest.told(info, :module)

    @impl true
    def after_deployment(info), do: Bloom.HookTest.told(info, :module)

    @impl true
    def deployment_failed(info), do: Bloom.HookTest.told(info, :module)
  end

  def told(info, name) do
    send(:persistent_term.get(__MODULE__), {:hook, name, info, Deployment.status().stage})
    :ok
  end

  def refuse(info, name), do: told(info, name) && {:error, "no water"}
  def log(_info), do: Logger.warning("in a hook")

  setup do
    put(:release_handler, MockReleaseHandler)
    put(:skip_file_checks, true)
    :persistent_term.put(__MODULE__, self())
    MockReleaseHandler.clear_releases()
    MockReleaseHandler.add_mock_release(:my_app, "1.0.0", :permanent)
    :ok = Deployment.run(:install, "1.1.0")
  end

  defp put(option, value) do
    Application.put_env(:bloom, option, value)
    on_exit(fn -> Application.delete_env(:bloom, option) end)
  end

  defp mfa(name), do: {__MODULE__, :told, [name]}
  defp refusing(name), do: {__MODULE__, :refuse, [name]}

  defp calls do
    receive do
      {:hook, name, info, stage} -> [{name, info.kind, stage} | calls()]
    after
      0 -> []
    end
  end

  defp history do
    {:ok, [deployment | _]} = Metadata.get_deployment_history(limit: 1)
    deployment
  end

  test "before and after a switch, in the order of their priorities" do
    put(:hooks, before: [mfa(:second), {mfa(:first), priority: 1}], after: [Announced], failure: [mfa(:never)])
    assert Deployment.run(:switch, "1.1.0") == :ok

    assert calls() == [
             {:first, :before, :before_hooks},
             {:second, :before, :before_hooks},
             {:module, :after, :after_hooks}
           ]
  end

  test "the journal knows which ran, how long, and what came of each" do
    put(:hooks, before: [mfa(:one)], after: [refusing(:two)])
    capture_log(fn -> assert Deployment.run(:switch, "1.1.0") == :ok end)
    deployment = history()

    assert [
             %{hook: "Bloom.HookTest.told/2", kind: :before, result: :ok, attempts: 1, duration_us: _},
             %{hook: "Bloom.HookTest.refuse/2", kind: :after, result: {:error, "no water"}, attempts: 1}
           ] = deployment.facts.hooks

    assert [:before_hooks, :unchecked, :after_hooks] = for(step <- deployment.steps, do: step.step)
  end

  test "they are told which deployment it is" do
    put(:hooks, before: [mfa(:one)])
    :ok = Deployment.run(:switch, "1.1.0")
    assert_received {:hook, :one, info, _stage}

    assert info == %{
             kind: :before,
             deployment: history().id,
             operation: :switch,
             version: "1.1.0",
             from_version: "1.0.0",
             outcome: nil,
             reason: nil
           }
  end

  test "one that fails before a switch keeps it from being done, and those for failures are told why" do
    put(:hooks, before: [refusing(:one), mfa(:two)], after: [mfa(:never)], failure: [mfa(:three), Announced])

    capture_log(fn ->
      assert {:error, %{code: :hook_failed, message: message}} = Deployment.run(:switch, "1.1.0")
      assert message == "the before hook Bloom.HookTest.refuse/2 failed: no water"
    end)

    assert_received {:hook, :three, %{outcome: :failed, reason: reason}, :failure_hooks}
    assert reason == "the before hook Bloom.HookTest.refuse/2 failed: no water"
    assert [{:one, :before, _}, {:module, :failure, _}] = calls()
    assert {:ok, %{version: "1.0.0"}} = Bloom.ReleaseManager.current_release()
    assert %{outcome: :failed, reason: ^reason, steps: [_before, %{step: :failure_hooks, result: :ok}]} = history()
  end

  test "after the commit nothing is undone: what fails is noted, and the others run" do
    put(:hooks, after: [refusing(:one), mfa(:two)])
    log = capture_log(fn -> assert Deployment.run(:switch, "1.1.0") == :ok end)
    assert [{:one, :after, _}, {:two, :after, _}] = calls()
    assert {:ok, %{version: "1.1.0"}} = Bloom.ReleaseManager.current_release()
    note = "the after hook Bloom.HookTest.refuse/2 failed: no water"
    assert %{outcome: :committed, reason: ^note} = history()
    assert log =~ note
  end

  test "a failure hook that fails is noted beside what it was told" do
    put(:hooks, failure: [{refusing(:one), retries: 1, retry_ms: 0}])
    capture_log(fn -> assert {:error, %{code: :release_not_found}} = Deployment.run(:switch, "1.9.0") end)
    assert %{outcome: :failed, reason: reason} = history()
    assert reason =~ ~r/^Release not found/
    assert reason =~ ~r/; the failure hook Bloom.HookTest.refuse\/2 failed: no water \(the last of 2 attempts\)$/
  end

  test "a deployment that is cancelled is told of, too" do
    put(:hooks, before: [{__MODULE__, :cancel, [:one]}, mfa(:never)], failure: [mfa(:two)])
    capture_log(fn -> assert {:error, %{code: :cancelled}} = Deployment.run(:switch, "1.1.0") end)
    assert_received {:hook, :two, %{outcome: :cancelled}, _stage}
    assert calls() == []
    assert %{outcome: :cancelled} = history()
  end

  def cancel(_info, _name), do: Status.cancel() && :ok

  test "one that is cancelled while a hook fails is not tried again, and is cancelled, not failed" do
    put(:hooks, before: [{{__MODULE__, :cancel_and_fail, []}, retries: 3, retry_ms: 60_000}, mfa(:never)])
    capture_log(fn -> assert {:error, %{code: :cancelled}} = Deployment.run(:switch, "1.1.0") end)
    assert calls() == []
    assert %{outcome: :cancelled, facts: %{hooks: [%{attempts: 1, result: {:error, "no water"}}]}} = history()
  end

  def cancel_and_fail(_info), do: Status.cancel() && {:error, "no water"}

  test "rollbacks have hooks, installations and removals have none" do
    put(:hooks, before: [mfa(:one)], after: [mfa(:one)], failure: [mfa(:one)])
    :ok = Deployment.run(:switch, "1.1.0")
    assert [_before, _after] = calls()
    :ok = Deployment.run(:rollback, "1.0.0")
    assert [_before, _after] = calls()
    :ok = Deployment.run(:install, "1.2.0")
    capture_log(fn -> {:error, _twice} = Deployment.run(:install, "1.2.0") end)
    :ok = Deployment.run(:remove, "1.2.0")
    assert calls() == []
  end

  test "what an upgrade has made of the option is no reason to run without hooks" do
    put(:hooks, before: [:ok | :broken])

    capture_log(fn ->
      assert {:error, %{code: :hook_failed, message: message}} = Deployment.run(:switch, "1.1.0")
      assert message =~ "expected config :bloom, :hooks to be"
    end)
  end

  test "what a hook logs says which deployment it belongs to" do
    put(:hooks, before: [{__MODULE__, :log, []}])
    log = capture_log([metadata: [:bloom_version, :bloom_step]], fn -> :ok = Deployment.run(:switch, "1.1.0") end)
    assert log =~ "bloom_version=1.1.0 bloom_step=before_hooks"
  end

  test "it is told to whoever listens" do
    put(:hooks, before: [mfa(:one)])
    :ok = Telemetry.subscribe()
    on_exit(fn -> Telemetry.unsubscribe() end)
    :ok = Deployment.run(:switch, "1.1.0")
    assert_received {:bloom_event, [:bloom, :hook, :start], _started, %{kind: :before, hook: "Bloom.HookTest.told/2"}}

    assert_received {:bloom_event, [:bloom, :hook, :stop], %{duration: _},
                     %{result: :ok, attempts: 1, version: "1.1.0"}}
  end
end
