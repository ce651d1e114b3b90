defmodule Bloom.SafetyMonitor.ErrorCounterTest do
  use ExUnit.Case, async: true

  alias Bloom.SafetyMonitor.ErrorCounter

  doctest ErrorCounter

  defp add(counter, second, times \\ 1), do: for(_each <- 1..times, do: ErrorCounter.add(counter, second))

  test "counts what lies in the window, and not what left it" do
    counter = ErrorCounter.new(0)
    add(counter, 10, 3)
    add(counter, 40, 2)
    assert ErrorCounter.count(counter, 10..69) == 5
    assert ErrorCounter.count(counter, 11..70) == 2
    assert ErrorCounter.count(counter, 41..100) == 0
    assert ErrorCounter.counts(counter, 9..11) == [0, 3, 0]
  end

  test "counts a second that is before all others and one that is not over" do
    counter = ErrorCounter.new(0)
    add(counter, 0)
    assert ErrorCounter.count(counter, 0..0) == 1
    assert ErrorCounter.count(counter, -59..0) == 1
  end

  test "starts a slot again from nothing when the ring comes round" do
    counter = ErrorCounter.new(0)
    add(counter, 7, 100)
    add(counter, 7 + 512)
    assert ErrorCounter.count(counter, (7 + 512)..(7 + 512)) == 1
    assert ErrorCounter.count(counter, 7..7) == 0
  end

  test "loses nothing to processes that count at the same time, also at the turn of a second" do
    counter = ErrorCounter.new(0)

    1..8
    |> Enum.map(fn _writer -> Task.async(fn -> for second <- 1..200, do: add(counter, second, 20) end) end)
    |> Task.await_many(60_000)

    # A writer that is late by a whole ring could lose; 200 seconds fit into one.
    assert ErrorCounter.count(counter, 1..200) == 8 * 200 * 20
  end

  test "counts a crash once, another one again" do
    counter = ErrorCounter.new(0)
    [one, two] = for _each <- 1..2, do: spawn(fn -> :ok end)
    for _report <- 1..3, do: ErrorCounter.add_crash(counter, one, 5)
    assert ErrorCounter.count(counter, 5..5) == 1
    ErrorCounter.add_crash(counter, two, 6)
    assert ErrorCounter.count(counter, 5..6) == 2
  end

  test "is one for the VM, whoever asks" do
    assert ErrorCounter.shared().ring == ErrorCounter.shared().ring
    assert ErrorCounter.now() >= ErrorCounter.shared().since
  end
end
