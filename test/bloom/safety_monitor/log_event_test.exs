defmodule Bloom.SafetyMonitor.LogEventTest do
  use ExUnit.Case, async: true

  alias Bloom.SafetyMonitor.LogEvent

  doctest LogEvent

  defp event(msg, meta \\ %{}), do: %{level: :error, msg: msg, meta: meta}

  test "counts error and above" do
    for level <- [:error, :critical, :alert, :emergency] do
      assert LogEvent.meaning(%{event({:string, "x"}) | level: level}) == :error
    end

    for level <- [:warning, :notice, :info, :debug] do
      assert LogEvent.meaning(%{event({:string, "x"}) | level: level}) == :nothing
    end
  end

  test "knows who crashed from each kind of report" do
    pid = spawn(fn -> :ok end)
    child = [supervisor: {:local, S}, errorContext: :child_terminated, reason: :boom, offender: [pid: pid, id: C]]

    for {msg, meta} <- [
          {{:report, %{label: {:supervisor, :child_terminated}, report: child}}, %{pid: self()}},
          {{:report, %{label: {:proc_lib, :crash}, report: [[], []]}}, %{pid: pid}},
          {{:report, %{label: {:gen_server, :terminate}, name: S}}, %{pid: pid}},
          {{:report, %{label: {:gen_statem, :terminate}, name: S}}, %{pid: pid}},
          {{:report, %{label: {Task.Supervisor, :terminating}, name: S}}, %{pid: pid}},
          {{:string, "GenServer S terminating"}, %{pid: pid, crash_reason: {:boom, []}, domain: [:otp]}},
          {{~c"Error in process ~p", [pid]}, %{pid: pid, error_logger: %{emulator: true, tag: :error}}}
        ] do
      assert LogEvent.meaning(event(msg, meta)) == {:crash, pid}
    end
  end

  test "takes every error that an application logs for itself, also with a reason of a crash" do
    meta = %{pid: self(), crash_reason: {:boom, []}, domain: [:elixir]}
    assert LogEvent.meaning(event({:string, "job failed"}, meta)) == :error
    assert LogEvent.meaning(event({:report, %{label: {:gen_event, :terminate}}}, %{pid: self()})) == :error
    start_error = [errorContext: :start_error, offender: [pid: :undefined]]
    assert LogEvent.meaning(event({:report, %{label: {:supervisor, :start_error}, report: start_error}})) == :error
    no_pid = [errorContext: :child_terminated, offender: [id: C]]
    assert LogEvent.meaning(event({:report, %{label: {:supervisor, :child_terminated}, report: no_pid}})) == :error
  end

  test "leaves out what Bloom logs, in its own words and by its processes" do
    assert LogEvent.meaning(event({:string, "x"}, %{application: :bloom})) == :nothing
    assert LogEvent.meaning(event({:string, "x"}, %{application: :garden})) == :error

    Process.put(:"$ancestors", [Bloom.Supervisor, self()])
    assert LogEvent.meaning(event({:string, "x"})) == :nothing
    Process.put(:"$ancestors", [Garden.Supervisor])
    assert LogEvent.meaning(event({:string, "x"})) == :error
  end

  test "knows reports that the Logger may drop" do
    assert LogEvent.sasl?(event({:string, "x"}, %{domain: [:otp, :sasl]}))
    refute LogEvent.sasl?(event({:string, "x"}, %{domain: [:otp]}))
    refute LogEvent.sasl?(event({:string, "x"}))
  end
end
