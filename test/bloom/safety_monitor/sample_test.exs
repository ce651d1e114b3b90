defmodule Bloom.SafetyMonitor.SampleTest do
  use ExUnit.Case, async: true

  alias Bloom.SafetyMonitor.Sample
  alias Bloom.Test.BusyScheduler

  test "a sample has what there is, and the second that it was asked for" do
    :ok = Sample.request(self(), 7)
    assert_receive {:sample, %{at: 7, memory: memory, processes: processes}}, 5_000
    assert processes > 10
    assert memory.resident > 0
  end

  test "the delay is how long the new process has waited for a scheduler" do
    {idle, busy} =
      BusyScheduler.compare("""
      delays =
        for second <- 1..3 do
          :ok = Bloom.SafetyMonitor.Sample.request(self(), second)
          receive do: ({:sample, %{at: ^second, delay_ms: delay}} -> delay)
        end

      Enum.min(delays)
      """)

    assert busy >= BusyScheduler.busy_ms()
    assert idle < BusyScheduler.busy_ms() / 2
  end
end
