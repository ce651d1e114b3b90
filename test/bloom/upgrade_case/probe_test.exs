defmodule Bloom.UpgradeCase.ProbeTest do
  use ExUnit.Case, async: true

  alias Bloom.UpgradeCase.Probe

  # Goes on when the probe was called often enough.
  defp during(probe, calls) do
    asked = {self(), make_ref()}

    Probe.during(nil, &ask(asked, probe, &1), 2, fn ->
      for _call <- 1..calls, do: assert_receive(^asked, 5000)
      :result
    end)
  end

  defp ask({test, _ref} = asked, probe, node) do
    send(test, asked)
    probe.(node)
  end

  test "what answers well is counted, with the longest time" do
    for good <- [:ok, true, {:ok, "page"}] do
      assert {:result, %{calls: calls, failed: 0, failures: [], longest_ms: longest}} = during(fn _node -> good end, 5)
      assert calls >= 5 and longest > 0
    end
  end

  test "whatever else comes of a call is a failure" do
    assert {:result, %{failed: failed, failures: [false | _]}} = during(fn _node -> false end, 1)
    assert failed >= 1
    assert {:result, %{failures: [{:error, :down} | _]}} = during(fn _node -> {:error, :down} end, 1)
    assert {:result, %{failures: [%RuntimeError{message: "frost"} | _]}} = during(fn _node -> raise "frost" end, 1)
    assert {:result, %{failures: [{:exit, :gone} | _]}} = during(fn _node -> exit(:gone) end, 1)
    assert {:result, %{failed: failed, failures: five}} = during(fn _node -> nil end, 8)
    assert failed >= 8 and length(five) == 5
  end

  test "without a probe nothing is counted" do
    assert {:result, %{calls: 0, failed: 0}} = Probe.during(nil, nil, 4, fn -> :result end)
  end
end
