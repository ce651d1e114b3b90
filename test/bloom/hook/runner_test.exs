defmodule Bloom.Hook.RunnerTest do
  # Whether a deployment is cancelled is the same for the whole node.
  use ExUnit.Case, async: false

  alias Bloom.Deployment.Status
  alias Bloom.Hook.{Entry, Runner}

  doctest Runner

  def hook(info, fun), do: fun.(info)

  defp run(fun, opts \\ [], kind \\ :before) do
    [entry] = Entry.of([{kind, [{{__MODULE__, :hook, [fun]}, Keyword.put_new(opts, :retry_ms, 0)}]}], kind)
    Runner.run(entry, %{kind: kind, version: "1.1.0"})
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

  describe "a deployment that is cancelled" do
    setup do
      Status.begin(:switch, "1.1.0", :token)
      on_exit(&Status.clear/0)
    end

    defp cancel(_info), do: Status.cancel() && {:error, "not yet"}

    test "while a hook before it runs has no further attempt of it" do
      assert %{result: {:error, "not yet"}, attempts: 1} = run(&cancel/1, retries: 5, retry_ms: 60_000)
    end

    test "in the pause between two attempts has no further one, and does not wait for the end of the pause" do
      test = self()

      # Runs on when the attempt has ended, so that the cancel comes in the pause.
      later = fn hook ->
        ref = Process.monitor(hook)
        send(hook, :watched)
        receive(do: ({:DOWN, ^ref, _, _, _} -> send(test, {:cancelled, Status.cancel()})))
      end

      fail = fn _info ->
        hook = self()
        spawn(fn -> later.(hook) end)
        receive(do: (:watched -> {:error, "not yet"}))
      end

      assert %{result: {:error, "not yet"}, attempts: 1} = run(fail, retries: 5, retry_ms: 60_000)
      assert_receive {:cancelled, :token}
    end

    test "has every attempt of what runs after it" do
      for kind <- [:after, :failure] do
        assert %{result: {:error, "not yet"}, attempts: 3} = run(&cancel/1, [retries: 2], kind)
      end
    end
  end
end
