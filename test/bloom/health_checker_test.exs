defmodule Bloom.HealthCheckerTest do
  # The configuration and what is registered are the node's.
  use ExUnit.Case, async: false

  alias Bloom.HealthChecker

  setup do
    on_exit(fn ->
      Application.delete_env(:bloom, :health_checks)
      Application.delete_env(:bloom, :health_check_timeout_ms)
      HealthChecker.unregister_check(:probe)
      HealthChecker.unregister_check(:disk)
    end)
  end

  defp configure(checks), do: Application.put_env(:bloom, :health_checks, checks)
  defp find(name), do: Enum.find(HealthChecker.results(), &(&1.name == name))

  defp result(check) do
    configure(probe: check)
    find(:probe).result
  end

  def healthy, do: :ok
  def sick, do: {:error, "no water"}

  describe "a check" do
    test "passes on :ok and true, given as function or as module, function and arguments" do
      assert :ok = result(fn -> :ok end)
      assert :ok = result(fn -> true end)
      assert :ok = result({__MODULE__, :healthy, []})
      assert HealthChecker.run_checks()
      assert HealthChecker.post_switch_health_check()
      assert :ok = HealthChecker.verdict()
    end

    test "fails with a reason on false, errors and nonsense" do
      assert {:error, "it answered false"} = result(fn -> false end)
      assert {:error, "down"} = result(fn -> {:error, :down} end)
      assert {:error, "no water"} = result({__MODULE__, :sick, []})
      assert {:error, "dry"} = result(fn -> {:error, RuntimeError.exception("dry")} end)
      assert {:error, "data of 1 bytes"} = result(fn -> {:error, <<255>>} end)
      assert {:error, "it answered maybe" <> _} = result(fn -> :maybe end)
      assert {:error, "it answered nothing" <> _} = result(fn -> nil end)
      refute HealthChecker.run_checks()
      refute HealthChecker.post_switch_health_check()
      assert {:error, "health check probe failed: it answered nothing" <> _} = HealthChecker.verdict()
    end

    test "that raises, throws, exits or hangs has failed" do
      assert {:error, "it raised RuntimeError: boom" <> _place} = result(fn -> raise "boom" end)
      assert {:error, "it threw ball"} = result(fn -> throw(:ball) end)
      assert {:error, "it exited: gone"} = result(fn -> exit(:gone) end)
      Application.put_env(:bloom, :health_check_timeout_ms, 200)
      assert {:error, "it did not answer in 200 ms"} = result(fn -> receive(do: (:never -> :ok)) end)
      assert find(:probe).duration_ms >= 200
    end

    test "is timed by itself, not by those before it" do
      Application.put_env(:bloom, :health_check_timeout_ms, 1_000)
      configure(slow: fn -> receive(do: (:never -> :ok)) end, fast: {__MODULE__, :healthy, []})
      assert find(:slow).duration_ms >= 1_000
      assert find(:fast).duration_ms < 1_000
    end

    test "runs at the same time as the others" do
      parent = self()

      meet = fn me, other ->
        fn ->
          send(parent, {me, self()})
          receive(do: (^other -> :ok))
        end
      end

      configure(a: meet.(:a, :b), b: meet.(:b, :a))
      task = Task.async(&HealthChecker.run_checks/0)
      assert_receive {:a, a}, 5000
      assert_receive {:b, b}, 5000
      send(a, :b)
      send(b, :a)
      assert Task.await(task)
    end
  end

  describe "what is not critical" do
    test "fails without deciding about a switch" do
      configure(probe: {{__MODULE__, :sick, []}, critical: false})
      assert %{critical: false, result: {:error, "no water"}} = find(:probe)
      refute HealthChecker.run_checks()
      assert HealthChecker.post_switch_health_check()
    end

    test "can be registered" do
      assert :ok = HealthChecker.register_check(:probe, &__MODULE__.sick/0, critical: false)
      refute HealthChecker.run_checks()
      assert HealthChecker.post_switch_health_check()
      assert :ok = HealthChecker.register_check(:probe, &__MODULE__.sick/0)
      refute HealthChecker.post_switch_health_check()
    end

    test "is not run when only a switch wants to know" do
      parent = self()
      configure(probe: {fn -> send(parent, :asked) && :ok end, critical: false})
      assert HealthChecker.post_switch_health_check()
      refute_received :asked
      assert HealthChecker.run_checks()
      assert_received :asked
    end
  end

  describe "registering" do
    test "refuses what is no check" do
      assert {:error, "expected a function" <> _} = HealthChecker.register_check(:probe, fn _ -> :ok end)
      assert {:error, "expected the options" <> _} = HealthChecker.register_check(:probe, &healthy/0, critical: 1)
      assert {:error, "expected the options" <> _} = HealthChecker.register_check(:probe, &healthy/0, fatal: true)
      refute find(:probe)
    end

    test "outlives every process that Bloom supervises" do
      assert :ok = HealthChecker.register_check(:probe, {__MODULE__, :healthy, []})

      for {id, pid, _type, _modules} <- Supervisor.which_children(Bloom.Supervisor) do
        monitor = Process.monitor(pid)
        :ok = Supervisor.terminate_child(Bloom.Supervisor, id)
        assert_receive {:DOWN, ^monitor, :process, ^pid, _reason}, 5000
        {:ok, _pid} = Supervisor.restart_child(Bloom.Supervisor, id)
      end

      assert %{result: :ok, critical: true} = find(:probe)
    end

    test "is refused while Bloom is stopped; checks still run" do
      :ok = Application.stop(:bloom)

      results =
        {HealthChecker.register_check(:probe, &healthy/0), HealthChecker.unregister_check(:probe), find(:memory)}

      :ok = Application.start(:bloom)
      assert {{:error, "Bloom is not running" <> _}, :ok, %{result: :ok}} = results
    end

    test "again and again, while checks run, does no harm" do
      checks = Task.async(fn -> for _run <- 1..50, do: HealthChecker.results() end)
      for round <- 1..500, do: HealthChecker.register_check(:probe, fn -> round > 0 end)
      assert checks |> Task.await(60_000) |> List.flatten() |> Enum.all?(&(&1.result == :ok))
    end

    test "replaces a configured or built-in check of the same name, until it is taken back" do
      configure(probe: {__MODULE__, :sick, []})
      assert :ok = HealthChecker.register_check(:probe, {__MODULE__, :healthy, []})
      assert [%{result: :ok}] = Enum.filter(HealthChecker.results(), &(&1.name == :probe))
      assert :ok = HealthChecker.register_check(:disk, {__MODULE__, :sick, []})
      assert %{result: {:error, "no water"}, critical: true} = find(:disk)
      assert :ok = HealthChecker.unregister_check(:disk)
      assert %{result: :ok, critical: false} = find(:disk)
    end
  end

  test "the built-in checks are there, documented and passing" do
    results = HealthChecker.results()

    assert Enum.map(results, &{&1.name, &1.critical}) == [
             application: true,
             required_applications: true,
             memory: true,
             processes: true,
             process_ratio: true,
             disk: false,
             message_queues: false,
             scheduler_delay: false
           ]

    for %{result: result, duration_ms: duration} <- results, do: assert({:ok, true} = {result, duration >= 0})

    {:docs_v1, _anno, _language, _format, %{"en" => doc}, _meta, _docs} = Code.fetch_docs(HealthChecker)

    for %{name: name, critical: critical} <- results do
      assert doc =~ ~r/\| `#{name}` \|.*\| #{if critical, do: "yes", else: "no"} \|/
    end
  end

  test "a configuration that an upgrade has spoilt is a failure in words" do
    configure(:nonsense)
    assert {:error, message} = HealthChecker.verdict()
    assert message =~ "expected a keyword list of health checks, got: :nonsense"

    configure([:nonsense, probe: :ok])
    assert {:error, message} = HealthChecker.verdict()
    assert message =~ "health check health_checks failed: expected a name and a check, got: :nonsense"
    assert message =~ "health check probe failed: expected a function"
  end
end
