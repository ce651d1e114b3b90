defmodule Bloom.TelemetryTest do
  # Whoever subscribes gets the events of the whole node.
  use ExUnit.Case, async: false

  import ExUnit.CaptureLog

  require Logger

  alias Bloom.{Deployment, Telemetry}
  alias Bloom.Telemetry.Dispatcher
  alias Bloom.Test.ToldHandler

  doctest Bloom.Telemetry

  setup do
    ToldHandler.setup()
    :ok = Telemetry.subscribe()
    on_exit(fn -> Telemetry.unsubscribe() end)
  end

  defp install, do: Deployment.run(:install, "1.1.0")

  # Somebody who has subscribed, and waits.
  defp subscriber do
    test = self()

    pid =
      spawn(fn ->
        send(test, {:subscribed, self(), Telemetry.subscribe()})
        receive(do: (:stop -> :ok))
      end)

    assert_receive {:subscribed, ^pid, :ok}
    pid
  end

  describe "a subscriber" do
    test "is told of a deployment and its steps, in order" do
      assert install() == :ok
      assert_received {:bloom_event, [:bloom, :deployment, :start], %{system_time: _}, started}
      assert_received {:bloom_event, [:bloom, :step, :start], _measurements, step}
      assert_received {:bloom_event, [:bloom, :step, :stop], %{duration: inner}, %{result: :ok}}
      assert_received {:bloom_event, [:bloom, :deployment, :stop], %{duration: outer}, ended}

      assert %{operation: :install, version: "1.1.0", from_version: "1.0.0", deployment: id, resumed: false} = started
      assert %{step: :unchecked, phase: :run, deployment: ^id} = step
      assert %{outcome: :installed, reason: nil, deployment: ^id} = ended
      assert ended.telemetry_span_context == started.telemetry_span_context
      assert outer >= inner
    end

    test "is told once, however often it has subscribed, and no more when it does not want to" do
      assert Telemetry.subscribe() == :ok
      Telemetry.execute([:bloom, :example], %{}, %{})
      assert_received {:bloom_event, [:bloom, :example], _measurements, _metadata}
      refute_received {:bloom_event, [:bloom, :example], _measurements, _metadata}

      assert Telemetry.unsubscribe() == :ok
      Telemetry.execute([:bloom, :example], %{}, %{})
      refute_received {:bloom_event, _event, _measurements, _metadata}
    end

    test "that has ended is forgotten" do
      pid = subscriber()
      ref = Process.monitor(pid)
      assert :ets.member(Dispatcher, pid)
      send(pid, :stop)
      assert_receive {:DOWN, ^ref, :process, ^pid, _reason}
      assert forgotten?(pid)
    end

    test "is told on when the dispatcher was killed, and forgotten by the next one when it ends" do
      pid = subscriber()
      dispatcher = Process.whereis(Dispatcher)
      ref = Process.monitor(dispatcher)
      Process.exit(dispatcher, :kill)
      assert_receive {:DOWN, ^ref, :process, ^dispatcher, :killed}
      Telemetry.execute([:bloom, :example], %{}, %{})
      assert_received {:bloom_event, [:bloom, :example], _measurements, _metadata}

      await_dispatcher()
      ref = Process.monitor(pid)
      send(pid, :stop)
      assert_receive {:DOWN, ^ref, :process, ^pid, _reason}
      assert forgotten?(pid)
    end

    test "is told while the dispatcher is suspended, as by an upgrade of Bloom" do
      :ok = :sys.suspend(Dispatcher)
      assert install() == :ok
      :ok = :sys.resume(Dispatcher)
      assert_received {:bloom_event, [:bloom, :deployment, :stop], _measurements, %{outcome: :installed}}
    end

    test "is told of a driver that was killed" do
      test = self()
      ToldHandler.tell(fn -> send(test, {:waiting, self()}) && receive(do: (:never -> :ok)) end)
      task = Task.async(fn -> install() end)
      assert_receive {:waiting, driver}
      Process.exit(driver, :kill)
      assert {:error, %{code: :interrupted}} = Task.await(task)

      assert_received {:bloom_event, [:bloom, :deployment, :exception], %{duration: _}, metadata}
      assert %{kind: :exit, reason: :killed, stacktrace: [], version: "1.1.0"} = metadata
    end
  end

  test "without Bloom there is nobody to tell, and nobody to subscribe to" do
    :ok = Application.stop(:bloom)
    told = Telemetry.execute([:bloom, :example], %{}, %{})
    subscribed = Telemetry.subscribe()
    :ok = Application.start(:bloom)
    assert told == :ok
    assert {:error, %{code: :not_started}} = subscribed
  end

  describe "where the application has :telemetry" do
    setup do
      on_exit(&Bloom.Test.Telemetry.stop/0)
    end

    test "its handlers get every event, in order" do
      test = self()
      Bloom.Test.Telemetry.start(&send(test, {:handled, &1, &2, &3}))
      assert install() == :ok

      for event <- [[:deployment, :start], [:step, :start], [:step, :stop], [:deployment, :stop]] do
        event = [:bloom | event]
        assert_receive {:bloom_event, ^event, measurements, metadata}
        assert_receive {:handled, first, ^measurements, ^metadata}
        assert first == event
      end
    end

    test "handlers that raise, throw or exit do not break a deployment, and those after them are called" do
      test = self()

      Bloom.Test.Telemetry.start(fn
        [:bloom, :deployment, :start], _, _ -> raise "boom"
        [:bloom, :step, :start], _, _ -> throw(:boom)
        [:bloom, :step, :stop], _, _ -> exit(:boom)
        event, _, _ -> send(test, {:handled, event})
      end)

      log =
        capture_log(fn ->
          assert install() == :ok
          assert_receive {:handled, [:bloom, :deployment, :stop]}
        end)

      assert log =~ "the handlers of [:bloom, :deployment, :start] failed: it raised RuntimeError: boom"
      assert log =~ "the handlers of [:bloom, :step, :start] failed: it threw boom"
    end

    test "a handler that hangs does not hold a deployment up" do
      test = self()
      Bloom.Test.Telemetry.start(fn _, _, _ -> send(test, {:hanging, self()}) && receive(do: (:go_on -> :ok)) end)
      assert install() == :ok
      assert_received {:bloom_event, [:bloom, :deployment, :stop], _measurements, _metadata}

      for _event <- 1..4 do
        assert_receive {:hanging, handler}
        send(handler, :go_on)
      end
    end
  end

  test "what a deployment logs says which one it is, and in which step" do
    ToldHandler.tell(fn -> Logger.warning("in a step") end)
    names = [:bloom_deployment, :bloom_version, :bloom_step]

    log = capture_log([format: "$metadata$message\n", metadata: names], fn -> assert install() == :ok end)
    assert_received {:bloom_event, [:bloom, :deployment, :stop], _measurements, %{deployment: id}}
    assert log =~ "bloom_deployment=#{id} bloom_version=1.1.0 bloom_step=unchecked in a step"
    assert log =~ "bloom_deployment=#{id} bloom_version=1.1.0 Bloom: install of release 1.1.0 ended"
  end

  # The dispatcher hears of the end of a process at its own time.
  defp forgotten?(pid, attempts \\ 1000) do
    cond do
      not :ets.member(Dispatcher, pid) -> true
      attempts == 0 -> false
      true -> receive(after: (5 -> forgotten?(pid, attempts - 1)))
    end
  end

  defp await_dispatcher do
    if Process.whereis(Dispatcher), do: :sys.get_state(Dispatcher), else: receive(after: (1 -> await_dispatcher()))
  end
end
