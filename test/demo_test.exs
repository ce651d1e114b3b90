for file <- ~w(show operation bad_days), do: Code.require_file("../examples/demo/#{file}.exs", __DIR__)

defmodule Bloom.DemoTest do
  # That the demo's bad days are not taken for survived when they were not.
  use ExUnit.Case, async: true

  alias Demo.BadDays

  @hot %{
    expected: %{version: "1.1.0", what: "it is bad", kind: :hot, outcome: :taken_back, reason: "drought"},
    ended: %{
      operation: :switch,
      version: "1.1.0",
      outcome: :taken_back,
      reason: "release 1.1.0 was taken back: drought"
    },
    running: "1.0.0",
    starts: 0,
    requests: 10,
    failed: 0,
    watered: 30,
    kept: 30,
    counted: 30,
    silence_ms: 5
  }

  defp wrong(day, changes), do: day |> Map.merge(changes) |> BadDays.wrong()
  defp ended(changes), do: %{ended: Map.merge(@hot.ended, changes)}
  defp expecting(kind), do: put_in(@hot.expected.kind, kind)

  test "a hot day costs no request, no state and no start" do
    assert wrong(@hot, %{}) == []
    assert ["1.1.0 runs, not 1.0.0"] = wrong(@hot, %{running: "1.1.0"})
    assert ["1 requests failed"] = wrong(@hot, %{failed: 1})
    assert ["the state is 29, not 30"] = wrong(@hot, %{counted: 29})
    assert ["the node started 1 times, not 0"] = wrong(@hot, %{starts: 1})
  end

  test "what ended, how and why has to be what was expected" do
    assert ["switch of 1.1.0 ended as :failed, " <> _] = wrong(@hot, ended(%{outcome: :failed}))
    assert ["install of 1.1.0 ended as " <> _] = wrong(@hot, ended(%{operation: :install}))
    assert ["switch of 1.2.0 ended as " <> _] = wrong(@hot, ended(%{version: "1.2.0"}))
    assert [~S(the reason does not say "drought": frost)] = wrong(@hot, ended(%{reason: "frost"}))
    assert [_no_reason] = wrong(@hot, ended(%{reason: nil}))
  end

  test "a trial and a crash cost the state, and nothing since the last start" do
    for {kind, starts} <- [trial: 2, crash: 1] do
      day = Map.merge(expecting(kind), %{starts: starts, failed: 3, kept: 12, counted: 12})
      assert BadDays.wrong(day) == []
      assert ["the state is 11, not 12"] = wrong(day, %{counted: 11})
      assert ["the node started 0 times, not " <> _] = wrong(day, %{starts: 0})
    end
  end

  test "only days that went wrong are failures, by their version" do
    assert BadDays.failures([@hot, %{@hot | failed: 2}]) == [{"1.1.0", ["2 requests failed"]}]
  end
end
