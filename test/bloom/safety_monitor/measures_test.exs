defmodule Bloom.SafetyMonitor.MeasuresTest do
  use ExUnit.Case, async: true

  alias Bloom.SafetyMonitor.{ErrorCounter, Measures}

  doctest Measures

  @nothing %{samples: [], answers: %{}}

  defp errors(counter, second, times), do: for(_each <- 1..times, do: ErrorCounter.add(counter, second))
  defp answer(at, ms), do: %{at: at, ms: ms, error: nil}
  defp failure(at, error), do: %{at: at, ms: nil, error: error}

  defp sample(at, delay, memory \\ %{limit: 1000, used: 500, resident: 100}) do
    %{at: at, delay_ms: delay, memory: memory, processes: at}
  end

  describe "what a release shows" do
    test "are the errors since the switch only, then those of the last minute" do
      counter = ErrorCounter.new(0)
      errors(counter, 99, 50)
      errors(counter, 100, 7)
      before = ErrorCounter.count(counter, 100..100)
      errors(counter, 100, 2)
      errors(counter, 103, 200)
      watch = %{since: 100, before: before}

      assert %{errors_per_minute: 202, seconds: 3} = Measures.current(@nothing, counter, watch, 103)
      assert %{errors_per_minute: 202, seconds: 59} = Measures.current(@nothing, counter, watch, 159)
      assert %{errors_per_minute: 200} = Measures.current(@nothing, counter, watch, 160)
      assert %{errors_per_minute: 0} = Measures.current(@nothing, counter, watch, 163)
    end

    test "are medians of the last five since the switch, of three at least" do
      counter = ErrorCounter.new(0)
      watch = %{since: 10, before: 0}
      old = [answer(10, 9000.0), answer(9, 9000.0)]

      seen = %{
        samples: [sample(12, 5.0), sample(11, 1.0), sample(10, 900.0)],
        answers: %{"a" => [answer(11, 4.0) | old]}
      }

      current = Measures.current(seen, counter, watch, 12)
      assert %{scheduler_delay_ms: nil, response_ms: %{"a" => nil}, processes: 12, memory_bytes: 100} = current
      assert current.memory_free_bytes == 600

      answers =
        for {at, ms} <- [{17, 900.0}, {16, 1.0}, {15, 2.0}, {14, 3.0}, {13, 4.0}, {12, 900.0}], do: answer(at, ms)

      seen = %{samples: for(at <- 17..11//-1, do: sample(at, at / 1)), answers: %{"a" => answers ++ old}}
      assert %{scheduler_delay_ms: 15.0, response_ms: %{"a" => 3.0}} = Measures.current(seen, counter, watch, 17)
    end

    test "are failed answers beside those that have a time" do
      answers = [failure(15, "dry"), answer(14, 1.0), failure(13, "wet"), failure(12, "x"), answer(11, 2.0)]

      current =
        Measures.current(%{@nothing | answers: %{"a" => answers}}, ErrorCounter.new(0), %{since: 1, before: 0}, 15)

      assert current.response_failures == %{"a" => {3, 5, "dry"}}
      assert current.response_ms == %{"a" => nil}
    end

    test "are nothing where the operating system tells nothing" do
      seen = %{@nothing | samples: [sample(5, 1.0, nil)]}
      current = Measures.current(seen, ErrorCounter.new(0), %{since: 1, before: 0}, 5)
      assert %{memory_bytes: nil, memory_free_bytes: nil, processes: 5} = current
    end
  end

  describe "the baseline" do
    test "has the worst minute, also in between bursts" do
      counter = ErrorCounter.new(0)
      errors(counter, 105, 30)
      errors(counter, 164, 5)
      errors(counter, 165, 4)
      assert %{errors_per_minute: 35, seconds: 300} = Measures.baseline(@nothing, counter, 390, 300)
      assert %{errors_per_minute: 9} = Measures.baseline(@nothing, counter, 405, 300)
    end

    test "has errors by the minute when it is shorter than one, and none when it says nothing" do
      counter = ErrorCounter.new(1000)
      errors(counter, 1001, 5)
      assert %{errors_per_minute: nil, seconds: 9} = Measures.baseline(@nothing, counter, 1008, 300)
      assert %{errors_per_minute: 10, seconds: 30} = Measures.baseline(@nothing, counter, 1029, 300)
    end

    test "has medians of all there is, and the share of answers that failed" do
      seen = %{
        samples: [sample(303, 9.0), sample(302, 1.0), sample(301, 5.0), sample(300, 2.0, nil), sample(2, 900.0)],
        answers: %{
          "a" => [failure(303, "x"), answer(302, 1.0), answer(301, 3.0), answer(300, 2.0)],
          "b" => [answer(1, 1.0)]
        }
      }

      baseline = Measures.baseline(seen, ErrorCounter.new(0), 303, 300)
      assert %{scheduler_delay_ms: 5.0, memory_bytes: 100, processes: 302} = baseline
      assert baseline.response_ms == %{"a" => 2.0, "b" => nil}
      assert baseline.response_failed == %{"a" => 0.25, "b" => nil}
    end

    test "can be written down and read again" do
      baseline = Measures.baseline(@nothing, ErrorCounter.new(0), 100, 300)
      assert Measures.restore(baseline) == baseline
      assert Measures.restore(Map.new(baseline, fn {key, value} -> {Atom.to_string(key), value} end)) == baseline
      assert baseline |> :erlang.term_to_binary() |> :erlang.binary_to_term([:safe]) == baseline
    end
  end
end
