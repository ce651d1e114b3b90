defmodule Bloom.SafetyMonitor.JudgementTest do
  use ExUnit.Case, async: true

  alias Bloom.SafetyMonitor.Judgement

  @mb 1024 * 1024

  @measures %{
    seconds: 90,
    errors_per_minute: 0,
    response_ms: %{},
    response_failures: %{},
    scheduler_delay_ms: 0.1,
    memory_bytes: 100 * @mb,
    memory_free_bytes: 1000 * @mb,
    processes: 100
  }

  @limits %{
    errors_per_minute: 10,
    response_ms: 500,
    scheduler_delay_ms: 50,
    memory_bytes: nil,
    memory_ratio: 0.9,
    processes: 1000
  }

  @baseline %{
    errors_per_minute: 1,
    response_ms: %{},
    response_failed: %{},
    scheduler_delay_ms: 0.1,
    memory_bytes: 100 * @mb,
    processes: 100
  }

  defp judge(measures, baseline \\ %{}, limits \\ %{}) do
    Judgement.make(Map.merge(@measures, measures), Map.merge(@limits, limits), Map.merge(@baseline, baseline))
  end

  defp probe(time, failures), do: %{response_ms: %{"a" => time}, response_failures: %{"a" => failures}}

  test "a node as before is safe, with everything that was looked at" do
    judgement = judge(%{})
    assert %{verdict: :safe, reasons: []} = judgement
    assert judgement.measures.processes == 100 and judgement.limits.response_ms == 500
    assert judgement.baseline.errors_per_minute == 1
  end

  describe "errors" do
    test "over the limit are bad, at it they are not" do
      assert %{verdict: :safe} = judge(%{errors_per_minute: 10})
      assert %{verdict: :unsafe, reasons: [reason]} = judge(%{errors_per_minute: 12})
      assert reason == "12 errors in the last minute, limit 10 a minute, 1 before the switch"
    end

    test "are bad at once, however little else is known" do
      unknown = %{seconds: 3, errors_per_minute: 200, scheduler_delay_ms: nil, memory_bytes: nil, processes: nil}
      assert %{verdict: :unsafe, reasons: [reason]} = judge(unknown)
      assert reason == "200 errors in the 3 s since the switch, limit 10 a minute, 1 before the switch"
      assert %{verdict: :too_early, reasons: []} = judge(%{unknown | errors_per_minute: 10})
    end

    test "have to be twice those of a release that was noisy already" do
      assert %{verdict: :safe} = judge(%{errors_per_minute: 199}, %{errors_per_minute: 100})
      assert %{verdict: :unsafe} = judge(%{errors_per_minute: 200}, %{errors_per_minute: 100})
    end

    test "are judged by the limit alone where nothing is known from before" do
      assert %{verdict: :unsafe, reasons: [reason]} = judge(%{errors_per_minute: 11}, %{errors_per_minute: nil})
      assert reason =~ "unknown before the switch"
      assert %{verdict: :unsafe} = Judgement.make(%{@measures | errors_per_minute: 11}, @limits, %{})
    end

    test "may be forbidden altogether" do
      assert %{verdict: :unsafe} = judge(%{errors_per_minute: 1}, %{errors_per_minute: 0}, %{errors_per_minute: 0})
    end
  end

  describe "a response probe" do
    test "that takes too long, and longer than before, is bad" do
      before = %{response_ms: %{"a" => 20.0}, response_failed: %{"a" => 0.0}}
      assert %{verdict: :safe} = judge(probe(500.0, {0, 5, nil}), before)
      assert %{verdict: :unsafe, reasons: [reason]} = judge(probe(812.4, {0, 5, nil}), before)
      assert reason == "response probe a takes 812 ms, limit 500 ms, 20 ms before the switch"
    end

    test "that was slow before is not, unless it is twice as slow" do
      before = %{response_ms: %{"a" => 600.0}, response_failed: %{"a" => 0.0}}
      assert %{verdict: :safe} = judge(probe(1100.0, {0, 5, nil}), before)
      assert %{verdict: :unsafe} = judge(probe(1200.0, {0, 5, nil}), before)
    end

    test "that fails three times, and did not before, is bad" do
      before = %{response_ms: %{"a" => 20.0}, response_failed: %{"a" => 0.1}}
      assert %{verdict: :safe} = judge(probe(20.0, {2, 5, "dry"}), before)
      assert %{verdict: :unsafe, reasons: [reason]} = judge(probe(nil, {3, 3, "dry"}), before)
      assert reason == "response probe a failed 3 of 3 times (dry), 10% of them before the switch"
      assert %{verdict: :safe} = judge(probe(nil, {5, 5, "dry"}), %{before | response_failed: %{"a" => 0.5}})
    end

    test "that is new is judged by the limits alone" do
      assert %{verdict: :unsafe, reasons: [slow]} = judge(probe(501.0, {0, 3, nil}))
      assert slow =~ "unknown before the switch"
      assert %{verdict: :unsafe, reasons: [failing]} = judge(probe(nil, {3, 3, "dry"}))
      assert failing =~ "unknown before the switch"
    end

    test "that has answered once or twice is not judged" do
      assert %{verdict: :too_early, reasons: []} = judge(probe(nil, {2, 2, "dry"}))
      assert %{verdict: :too_early, reasons: []} = judge(probe(nil, {0, 0, nil}))
    end
  end

  test "a scheduler delay over the limit and twice that of before is bad" do
    assert %{verdict: :safe} = judge(%{scheduler_delay_ms: 50})
    assert %{verdict: :unsafe, reasons: [reason]} = judge(%{scheduler_delay_ms: 80.0})
    assert reason == "a new process waits 80 ms until it runs, limit 50 ms, 0.1 ms before the switch"
    assert %{verdict: :safe} = judge(%{scheduler_delay_ms: 80.0}, %{scheduler_delay_ms: 41.0})
    assert %{verdict: :too_early} = judge(%{scheduler_delay_ms: nil})
  end

  describe "memory" do
    test "is limited by what others leave of the whole" do
      assert %{verdict: :safe} = judge(%{memory_bytes: 900 * @mb})
      assert %{verdict: :unsafe, reasons: [reason]} = judge(%{memory_bytes: 901 * @mb})
      assert reason == "the VM holds 901 MB of memory, limit 900 MB, 100 MB before the switch"
    end

    test "is limited by the threshold where that is lower" do
      assert %{verdict: :safe} = judge(%{memory_bytes: 200 * @mb}, %{}, %{memory_bytes: 200 * @mb})
      assert %{verdict: :unsafe, reasons: [reason]} = judge(%{memory_bytes: 201 * @mb}, %{}, %{memory_bytes: 200 * @mb})
      assert reason =~ "limit 200 MB"
    end

    test "that others have taken is not the release's fault" do
      assert %{verdict: :safe} = judge(%{memory_bytes: 105 * @mb, memory_free_bytes: 50 * @mb})
      assert %{verdict: :unsafe} = judge(%{memory_bytes: 111 * @mb, memory_free_bytes: 50 * @mb})
    end

    test "that the operating system does not tell is not judged" do
      assert %{verdict: :safe} = judge(%{memory_bytes: nil, memory_free_bytes: nil})
      assert %{verdict: :too_early} = judge(%{memory_bytes: nil, memory_free_bytes: nil, processes: nil})
    end
  end

  test "processes over the limit, and more than before, are bad" do
    assert %{verdict: :unsafe, reasons: [reason]} = judge(%{processes: 1001})
    assert reason == "there are 1001 processes, limit 1000, 100 before the switch"
    assert %{verdict: :safe} = judge(%{processes: 1001}, %{processes: 950})
  end

  test "all that is bad is said" do
    bad = %{errors_per_minute: 99, processes: 5000, scheduler_delay_ms: 99.0}
    assert %{verdict: :unsafe, reasons: reasons} = judge(bad)
    assert length(reasons) == 3
  end
end
