defmodule Bloom.WatchdogTest do
  use ExUnit.Case

  alias Bloom.Watchdog

  test "a node is alive as long as the deployment's server answers" do
    assert Watchdog.alive() == :ok
    :ok = :sys.suspend(Bloom.Deployment)
    task = Task.async(&Watchdog.alive/0)
    refute Task.yield(task, 100)
    :ok = :sys.resume(Bloom.Deployment)
    assert Task.await(task) == :ok
  end

  test "without heart there is nothing to do" do
    refute Process.whereis(:heart)
    assert Watchdog.start() == :ok
    assert Watchdog.stop() == :ok
  end

  describe "heart" do
    # In a VM of its own, as heart would kill this one.
    defp under_heart(code) do
      paths = Enum.flat_map(:code.get_path(), &["-pa", to_string(&1)])
      env = [{"ELIXIR_ERL_OPTIONS", "-heart"}, {"HEART_COMMAND", nil}]
      {output, 0} = System.cmd("elixir", paths ++ ["-e", code], env: env, stderr_to_stdout: true)
      output
    end

    test "asks, and does not any more" do
      output =
        under_heart("""
        IO.inspect([Bloom.Watchdog.start(), Bloom.Watchdog.start(), :heart.get_callback()])
        IO.inspect([Bloom.Watchdog.stop(), Bloom.Watchdog.stop(), :heart.get_callback()])
        """)

      assert output =~ "[:ok, :ok, {:ok, {Bloom.Watchdog, :alive}}]"
      assert output =~ "[:ok, :ok, :none]"
    end

    test "asks a callback that it had before as well, and has it again" do
      output =
        under_heart("""
        defmodule Mine, do: def(well, do: send(:asked, :well) && :ok)
        Process.register(self(), :asked)
        :ok = :heart.set_callback(Mine, :well)
        :ok = Bloom.Watchdog.start()
        flush = fn flush -> receive(do: (:well -> flush.(flush)), after: (0 -> :ok)) end
        flush.(flush)
        alive = Bloom.Watchdog.alive()
        asked = receive(do: (:well -> :asked), after: (0 -> :not_asked))
        IO.inspect([alive, asked, Bloom.Watchdog.stop(), :heart.get_callback()])
        """)

      assert output =~ "[:ok, :asked, :ok, {:ok, {Mine, :well}}]"
    end
  end
end
