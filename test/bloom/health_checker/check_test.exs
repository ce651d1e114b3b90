defmodule Bloom.HealthChecker.CheckTest do
  use ExUnit.Case, async: true

  alias Bloom.HealthChecker.Check

  doctest Check

  test "knows a list of checks from anything else" do
    for entries <- [[], [a: {M, :f, []}], [a: fn -> :ok end], [a: {{M, :f, []}, critical: false}]] do
      assert Check.entries?(entries)
    end

    for entries <- [nil, %{}, [:a], [{"a", {M, :f, []}}], [a: :ok], [a: {M, :f}], [a: {{M, :f, []}, critical: 1}]] do
      refute Check.entries?(entries)
    end
  end
end
