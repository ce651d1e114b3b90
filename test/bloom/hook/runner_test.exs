defmodule Bloom.Hook.RunnerTest do
  use ExUnit.Case, async: true

  alias Bloom.Hook.{Entry, Runner}

  doctest Runner

  def hook(info, fun), do: fun.(info)

  defp run(fun, opts \\ []) do
    [entry] = Entry.of([before: [{{__MODULE__, :hook, [fun]}, Keyword.put_new(opts, :retry_ms, 0)}]], :before)
    Runner.run(entry, %{kind: :before, version: "1.1.0"})
  end

  # Fails so many times, and then does not.
  defp failing(times) do
    counter = :counters.new(1, [])

    fn _info ->
      :counters.add(counter, 1, 1)
      if :counters.get(counter, 1) > times, do: :ok, else: {:error, "not yet"}
    end
  end

  test "it is told what is going on, and how it went and how long it took is known" do
    test = self()
    assert %{result: :ok, attempts: 1, kind: :before} = record = run(fn info -> send(test, info) && :ok end)
    assert_received %{kind: :before, version: "1.1.0"}
    assert record.hook == "Bloom.Hook.RunnerTest.hook/2"
    assert record.duration_us >= 0
    assert %DateTime{} = record.started_at
  end

  test "whatever it does instead of its work is a failure with a reason" do
    for {fun, why} <- [
          {fn _ -> raise "boom" end, "it raised RuntimeError: boom"},
          {fn _ -> throw(:ball) end, "it threw ball"},
          {fn _ -> exit(:gone) end, "it exited: gone"},
          {fn _ -> Process.exit(self(), :kill) end, "it exited: killed"},
          {fn _ -> {:error, "no water"} end, "no water"},
          {fn _ -> {:error, :dry} end, "dry"},
          {fn _ -> :done end, "it answered done instead of :ok or an :error tuple with a reason"}
        ] do
      assert {:error, said} = run(fun).result
      assert said =~ why
    end

    assert run(fn _ -> receive(do: (:never -> :ok)) end, timeout_ms: 20).result ==
             {:error, "it did not answer in 20 ms"}
  end

  test "it is tried as often as it may be, and no more once it has worked" do
    assert %{result: :ok, attempts: 3} = run(failing(2), retries: 5)
    assert %{result: {:error, "not yet"}, attempts: 3} = run(failing(3), retries: 2)
    assert %{result: {:error, "not yet"}, attempts: 1} = run(failing(1))
  end

  test "it waits before it tries again" do
    assert %{result: :ok, duration_us: duration} = run(failing(1), retries: 1, retry_ms: 30)
    assert duration >= 30_000
  end
end
