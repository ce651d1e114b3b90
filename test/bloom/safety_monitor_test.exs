defmodule Bloom.SafetyMonitorTest do
  # The monitor is the node's, and what it counts is what the whole node logs.
  use ExUnit.Case, async: false

  alias Bloom.{Config, Error, SafetyMonitor}
  alias Bloom.SafetyMonitor.ErrorCounter

  @moduletag :capture_log

  @quiet %{seconds: 300, errors_per_minute: 0, scheduler_delay_ms: 0.1, response_ms: %{}, response_failed: %{}}

  setup do
    on_exit(fn ->
      SafetyMonitor.stop()

      for option <- [:response_probes, :max_response_time_ms, :max_error_rate_per_minute] do
        Application.delete_env(:bloom, option)
      end
    end)
  end

  defp configure(options), do: for({option, value} <- options, do: Application.put_env(:bloom, option, value))

  def slow(parent) do
    send(parent, {:asked, self()})
    receive(do: (:answer -> :ok))
  end

  def told(parent), do: send(parent, :asked) && :ok
  def dry, do: {:error, "dry"}

  describe "start" do
    test "watches until it is stopped" do
      assert {:ok, ref} = SafetyMonitor.start(version: "1.1.0", baseline: @quiet)
      assert is_reference(ref)
      assert %{state: :watching, version: "1.1.0", judgement: nil, counting_errors: true} = SafetyMonitor.status()
      assert :ok = SafetyMonitor.stop()
      assert %{state: :idle, version: nil, seconds: nil} = SafetyMonitor.status()
      assert :ok = SafetyMonitor.stop()
    end

    test "is refused while another release is watched" do
      {:ok, _ref} = SafetyMonitor.start(version: "1.1.0", notify: start_supervised!({Agent, fn -> nil end}))
      assert {:error, %Error{code: :already_watching} = error} = SafetyMonitor.start(version: "1.2.0")
      assert error.message =~ "1.1.0"
    end

    test "again by whoever was not told of the first time takes its place" do
      :ok = :sys.suspend(SafetyMonitor)
      request = {:start, [version: "1.1.0", notify: self(), baseline: @quiet]}
      assert {:timeout, _call} = catch_exit(GenServer.call(SafetyMonitor, request, 1))
      :ok = :sys.resume(SafetyMonitor)
      configure(max_error_rate_per_minute: 10)
      assert {:ok, ref} = SafetyMonitor.start(version: "1.1.0", baseline: @quiet)
      for error <- 1..200, do: :logger.error("error #{error}")
      assert_receive {:bloom_safety, ^ref, {:unsafe, _reasons}}, 5000
    end

    test "ends with the process that is notified" do
      parent = self()

      driver =
        spawn(fn ->
          send(parent, SafetyMonitor.start(version: "1.1.0"))
          receive(do: (:stop -> :ok))
        end)

      assert_receive {:ok, _ref}, 5000
      Process.exit(driver, :kill)
      # Even before its end was heard of, another watch is accepted.
      assert {:ok, _ref} = SafetyMonitor.start(version: "1.2.0")
      assert %{state: :watching, version: "1.2.0"} = SafetyMonitor.status()
    end
  end

  describe "errors" do
    test "200 within moments are bad at once, and said once" do
      configure(max_error_rate_per_minute: 10)
      {:ok, ref} = SafetyMonitor.start(version: "1.1.0", baseline: @quiet)
      started = System.monotonic_time(:millisecond)
      # It would judge in the middle of them else.
      :ok = :sys.suspend(SafetyMonitor)
      for error <- 1..200, do: :logger.error("error #{error}")
      :ok = :sys.resume(SafetyMonitor)

      assert_receive {:bloom_safety, ^ref, {:unsafe, [reason]}}, 5000
      assert System.monotonic_time(:millisecond) - started < 3000
      assert reason =~ ~r/^2\d\d errors in the \d s since the switch, limit 10 a minute, 0 before the switch$/

      assert %{verdict: :unsafe, version: "1.1.0", reasons: [_again]} = judgement = SafetyMonitor.last_judgement()
      assert judgement.limits.errors_per_minute == 10
      assert judgement.baseline.errors_per_minute == 0
      assert_judged_again(judgement)
      refute_received {:bloom_safety, ^ref, _again}
    end

    test "of before the switch do not count, nor those of a release as noisy" do
      for error <- 1..50, do: :logger.error("error #{error}")
      {:ok, ref} = SafetyMonitor.start(version: "1.1.0", baseline: @quiet)
      assert %{measures: %{errors_per_minute: 0}} = judged()
      refute_received {:bloom_safety, ^ref, _unsafe}
      SafetyMonitor.stop()

      {:ok, ref} = SafetyMonitor.start(version: "1.1.0", baseline: %{@quiet | errors_per_minute: 50})
      for error <- 1..50, do: :logger.error("error #{error}")
      judgement = judged(&(&1.measures.errors_per_minute >= 50))
      assert judgement.reasons == []
      refute_received {:bloom_safety, ^ref, _unsafe}
    end

    test "of Bloom's own do not count" do
      {:ok, _ref} = SafetyMonitor.start(version: "1.1.0", baseline: @quiet)
      require Logger
      for error <- 1..50, do: Logger.error("error #{error}", application: :bloom)
      assert %{measures: %{errors_per_minute: 0}} = judged()
    end
  end

  describe "response probes" do
    test "are asked every second, watched or not, with the configuration as it is" do
      configure(response_probes: [me: {__MODULE__, :told, [self()]}])
      assert_receive :asked, 5000
      assert_receive :asked, 5000
    end

    test "that hang are bad before they time out" do
      configure(response_probes: [slow: {__MODULE__, :slow, [self()]}], max_response_time_ms: 100)
      {:ok, ref} = SafetyMonitor.start(version: "1.1.0", baseline: @quiet)
      assert_receive {:bloom_safety, ^ref, {:unsafe, [reason]}}, 10_000
      assert reason =~ ~r/^response probe slow takes \d+ ms, limit 100 ms, unknown before the switch$/
    end

    test "that fail are bad" do
      configure(response_probes: [dry: {__MODULE__, :dry, []}])
      {:ok, ref} = SafetyMonitor.start(version: "1.1.0", baseline: @quiet)
      assert_receive {:bloom_safety, ^ref, {:unsafe, ["response probe dry failed 3 of 3 times (dry), " <> _]}}, 10_000
    end

    test "that an upgrade has spoilt do not upset it" do
      pid = Process.whereis(SafetyMonitor)
      configure(response_probes: [me: :nonsense], max_response_time_ms: "long", max_error_rate_per_minute: nil)
      {:ok, _ref} = SafetyMonitor.start(version: "1.1.0", baseline: @quiet)
      limit = Config.schema()[:max_response_time_ms][:default]
      assert %{limits: %{response_ms: ^limit}} = judged()
      assert Process.whereis(SafetyMonitor) == pid
    end
  end

  test "a quiet node is safe, once there is enough to judge" do
    {:ok, ref} = SafetyMonitor.start(version: "1.1.0")
    judgement = judged(&(&1.verdict != :too_early))
    assert %{verdict: :safe, reasons: []} = judgement
    assert %{memory_bytes: memory, processes: processes} = judgement.measures
    assert memory > 0 and processes > 0
    refute_received {:bloom_safety, ^ref, _unsafe}
  end

  test "it comes back when it is killed, counts on, and takes the baseline that was kept" do
    :logger.error("one")
    baseline = SafetyMonitor.baseline()
    pid = Process.whereis(SafetyMonitor)
    since = ErrorCounter.now() - 60
    counted = ErrorCounter.count(ErrorCounter.shared(), since..ErrorCounter.now())
    assert counted > 0

    monitor = Process.monitor(pid)
    Process.exit(pid, :kill)
    assert_receive {:DOWN, ^monitor, :process, ^pid, :killed}, 5000
    wait_until(fn -> SafetyMonitor.status().state == :idle end)

    assert ErrorCounter.count(ErrorCounter.shared(), since..ErrorCounter.now()) == counted
    assert {:ok, _ref} = SafetyMonitor.start(version: "1.1.0", baseline: baseline)
    assert judged().baseline == baseline
  end

  test "asking it while Bloom is stopped is answered, and its log handler is gone" do
    :ok = Application.stop(:bloom)
    status = SafetyMonitor.status()
    answers = {SafetyMonitor.stop(), SafetyMonitor.last_judgement(), SafetyMonitor.baseline(), SafetyMonitor.start()}
    handlers = :logger.get_handler_ids()
    :ok = Application.start(:bloom)

    assert %{state: :not_running, judgement: nil} = status
    assert {:ok, nil, %{}, {:error, %Error{code: :not_started}}} = answers
    refute SafetyMonitor.LogHandler in handlers
    wait_until(fn -> SafetyMonitor.status().counting_errors end)
  end

  test "a VM without a process left does not lose it, and Bloom with it" do
    output =
      in_a_small_vm("""
      Application.put_env(:bloom, :response_probes, one: {:erlang, :self, []})
      {:ok, _apps} = Application.ensure_all_started(:bloom)
      # As in a release: loading a native library later takes a process.
      for module <- Application.spec(:bloom, :modules), do: {:module, _} = Code.ensure_loaded(module)
      monitor = Process.whereis(Bloom.SafetyMonitor)
      now = &Bloom.SafetyMonitor.ErrorCounter.now/0
      wait = fn wait, until -> if now.() < until, do: receive(after: (50 -> wait.(wait, until))) end

      fill = fn fill, pids ->
        try do
          fill.(fill, [spawn(fn -> receive(do: (:stop -> :ok)) end) | pids])
        rescue
          SystemLimitError -> pids
        end
      end

      pids = fill.(fill, [])
      wait.(wait, now.() + 3)
      more = fill.(fill, pids)
      {:error, why} = Bloom.HealthChecker.verdict()
      for pid <- more, do: Process.exit(pid, :kill)
      ^monitor = Process.whereis(Bloom.SafetyMonitor)
      IO.puts(why)
      """)

    assert output =~ "health check memory failed: the VM allows no more processes"
  end

  defp in_a_small_vm(code) do
    ebin = Application.app_dir(:bloom, "ebin")
    {output, status} = System.cmd("elixir", ["--erl", "+P 1024", "-pa", ebin, "-e", code], stderr_to_stdout: true)
    assert status == 0, output
    output
  end

  defp judged(fun \\ fn _any -> true end) do
    wait_until(fn ->
      judgement = SafetyMonitor.last_judgement()
      judgement && fun.(judgement) && judgement
    end)
  end

  defp assert_judged_again(judgement), do: judged(&(&1.at > judgement.at))

  # Judgements are made, not sent: they have to be asked for.
  defp wait_until(fun, attempts \\ 500) do
    cond do
      value = fun.() -> value
      attempts == 0 -> flunk("it did not happen")
      true -> receive(after: (20 -> wait_until(fun, attempts - 1)))
    end
  end
end
