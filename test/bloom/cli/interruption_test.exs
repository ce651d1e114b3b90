defmodule Bloom.CLI.InterruptionTest do
  use ExUnit.Case, async: true

  doctest Bloom.CLI.Interruption

  alias Bloom.CLI.Interruption

  test "a command that takes the interruption says itself how it ends" do
    send(self(), :bloom_interrupted)

    assert Interruption.run(fn -> receive(do: (:bloom_interrupted -> :interrupted_in_words)) end) ==
             {:ok, :interrupted_in_words}
  end

  test "one that waits for something else is left" do
    send(self(), :bloom_interrupted)
    assert Interruption.run(fn -> receive(do: (:answer -> :never)) end) == :interrupted
  end

  test "the second interruption does not wait for the first" do
    test = self()
    for _twice <- 1..2, do: send(test, :bloom_interrupted)
    started = System.monotonic_time(:millisecond)
    assert Interruption.run(fn -> receive(do: (:answer -> :never)) end) == :interrupted
    assert System.monotonic_time(:millisecond) - started < 900
  end

  @tag capture_log: true
  test "one that crashes has ended" do
    assert Interruption.run(fn -> exit(:oops) end) == :crashed
  end
end
