defmodule Bloom.HealthCheckerTest do
  use ExUnit.Case

  alias Bloom.HealthChecker

  setup do
    Application.put_env(:bloom, :health_check_timeout_ms, 200)

    on_exit(fn ->
      Application.delete_env(:bloom, :health_checks)
      Application.delete_env(:bloom, :health_check_timeout_ms)
    end)
  end

  defp result(check) do
    Application.put_env(:bloom, :health_checks, probe: check)
    Enum.find(HealthChecker.results(), &(&1.name == :probe)).result
  end

  def healthy, do: :ok

  test "passes on :ok and true, given as function or as module, function and arguments" do
    assert :ok = result(fn -> :ok end)
    assert :ok = result(fn -> true end)
    assert :ok = result({__MODULE__, :healthy, []})
    assert HealthChecker.run_checks()
    assert HealthChecker.post_switch_health_check()
  end

  test "fails with a reason on false, errors and nonsense" do
    assert {:error, "it answered false"} = result(fn -> false end)
    assert {:error, ":down"} = result(fn -> {:error, :down} end)
    assert {:error, "it answered :maybe" <> _} = result(fn -> :maybe end)
    refute HealthChecker.run_checks()
    refute HealthChecker.post_switch_health_check()
  end

  @tag :capture_log
  test "a check that raises, throws, exits or hangs has failed and harms nothing" do
    assert {:error, raised} = result(fn -> raise "boom" end)
    assert raised =~ "boom"
    assert {:error, "it threw :ball"} = result(fn -> throw(:ball) end)
    assert {:error, "it exited: :gone"} = result(fn -> exit(:gone) end)
    assert {:error, "it did not answer in 200 ms"} = result(fn -> receive(do: (:never -> :ok)) end)
  end

  test "checks run at the same time" do
    parent = self()

    meet = fn me, other ->
      fn ->
        send(parent, {me, self()})
        receive(do: (^other -> :ok))
      end
    end

    Application.put_env(:bloom, :health_checks, a: meet.(:a, :b), b: meet.(:b, :a))
    task = Task.async(&HealthChecker.run_checks/0)
    assert_receive {:a, a}
    assert_receive {:b, b}
    send(a, :b)
    send(b, :a)
    assert Task.await(task)
  end

  test "registers checks and refuses what is none" do
    assert :ok = HealthChecker.register_check(:registered, {__MODULE__, :healthy, []})
    assert Enum.any?(HealthChecker.results(), &(&1.name == :registered))
    assert {:error, "expected a function" <> _} = HealthChecker.register_check(:bad, fn _ -> :ok end)
  end
end
