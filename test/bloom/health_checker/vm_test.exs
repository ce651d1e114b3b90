defmodule Bloom.HealthChecker.VMTest do
  use ExUnit.Case, async: false

  alias Bloom.HealthChecker.VM
  alias Bloom.Test.BusyScheduler

  defp configure(option, value) do
    Application.put_env(:bloom, option, value)
    on_exit(fn -> Application.delete_env(:bloom, option) end)
  end

  describe "the application" do
    test "passes when it runs, by atom or string, or when no application has the release's name" do
      assert :ok = VM.application()
      configure(:app_name, :bloom)
      assert :ok = VM.application()
      configure(:app_name, "bloom")
      assert :ok = VM.application()
      assert :ok = VM.application("umbrella")
    end

    test "fails when it is stopped" do
      configure(:app_name, :bloom)
      :ok = Application.stop(:bloom)
      result = VM.application()
      :ok = Application.start(:bloom)
      assert {:error, "application bloom does not run"} = result
    end
  end

  test "required applications pass when all run, and fail by name" do
    configure(:required_applications, [:kernel, :logger])
    assert :ok = VM.required_applications()
    configure(:required_applications, [:kernel, :no_such_app])
    assert {:error, "application no_such_app does not run"} = VM.required_applications()
    configure(:required_applications, [:lost, :found])
    assert {:error, "applications lost, found do not run"} = VM.required_applications()
  end

  test "too few processes fail" do
    assert :ok = VM.processes()
    configure(:min_processes, 1_000_000)
    assert {:error, message} = VM.processes()
    assert message =~ ~r/^there are \d+ processes, at least 1000000 are expected$/
  end

  test "too many processes fail" do
    assert :ok = VM.process_ratio()
    configure(:max_process_ratio, 0.000001)
    assert {:error, message} = VM.process_ratio()
    assert message =~ ~r/^there are \d+ processes of \d+ that the VM allows, limit 0%$/
  end

  describe "message queues" do
    setup do
      configure(:max_message_queue_length, 5000)
      pid = spawn(fn -> receive(do: (:stop -> :ok)) end)
      on_exit(fn -> Process.exit(pid, :kill) end)
      %{pid: pid}
    end

    test "fail by the name of the process, or its id", %{pid: pid} do
      assert :ok = VM.message_queues()
      for message <- 1..5001, do: send(pid, message)
      assert {:error, message} = VM.message_queues()
      assert message =~ "5001 messages wait for process #{:erlang.pid_to_list(pid)}"

      Process.register(pid, :lazy_reader)
      assert {:error, "5001 messages wait for :lazy_reader (" <> _pid} = VM.message_queues()
    end

    test "are looked at in bounded time, whatever there is" do
      parent = self()

      crowd =
        spawn(fn ->
          pids = for _each <- 1..100_000, do: spawn_link(fn -> receive(do: (:stop -> :ok)) end)
          send(parent, {:ready, length(pids)})
          receive(do: (:stop -> exit(:shutdown)))
        end)

      # Others look at message queues after this.
      on_exit(fn -> Process.exit(crowd, :kill) && scattered() end)
      assert_receive {:ready, 100_000}, 60_000
      {microseconds, :ok} = :timer.tc(&VM.message_queues/0)
      assert microseconds < 2_000_000
    end
  end

  defp scattered do
    if :erlang.system_info(:process_count) > 1_000, do: receive(after: (10 -> scattered()))
  end

  test "the delay of schedulers passes here, and is one that can be failed" do
    assert :ok = VM.scheduler_delay()
    assert {:error, "a new process waits 7 ms until it runs, limit 5 ms"} = VM.judge_delay([9000, 7000, 1], 5)
    assert :ok = VM.judge_delay([9000, 5000, 1], 5)
  end

  test "the delay of schedulers fails where they are busy" do
    limit = div(BusyScheduler.busy_ms(), 2)

    {idle, busy} =
      BusyScheduler.compare("""
      Application.put_env(:bloom, :max_scheduler_delay_ms, #{limit})
      Bloom.HealthChecker.VM.scheduler_delay()
      """)

    assert :ok = idle
    assert {:error, "a new process waits " <> why} = busy
    assert {waited, " ms until it runs, limit " <> _limit} = Integer.parse(why)
    assert waited >= BusyScheduler.busy_ms()
  end
end
