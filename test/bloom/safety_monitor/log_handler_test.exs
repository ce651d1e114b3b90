defmodule Bloom.SafetyMonitor.LogHandlerTest do
  # Counts what the whole node logs.
  use ExUnit.Case, async: false

  alias Bloom.SafetyMonitor.{ErrorCounter, LogHandler}

  @moduletag :capture_log

  defmodule Fragile do
    use GenServer
    def start_link(_opts), do: GenServer.start_link(__MODULE__, nil)
    @impl true
    def init(nil), do: {:ok, nil}
    @impl true
    def handle_call(:crash, _from, _state), do: raise("frost")
  end

  setup do
    LogHandler.attach(ErrorCounter.shared())
    :ok
  end

  defp counted(fun) do
    counter = ErrorCounter.shared()
    since = ErrorCounter.now() - 400
    total = fn -> ErrorCounter.count(counter, since..ErrorCounter.now()) end
    before = total.()
    fun.()
    total.() - before
  end

  defp down(pid) do
    monitor = Process.monitor(pid)
    assert_receive {:DOWN, ^monitor, :process, ^pid, _reason}, 5000
  end

  test "is in place, and is put back when it was thrown out" do
    assert LogHandler.attached?()
    LogHandler.detach()
    refute LogHandler.attached?()
    assert counted(fn -> :logger.error("x") end) == 0
    LogHandler.attach(ErrorCounter.shared())
    LogHandler.attach(ErrorCounter.shared())
    assert LogHandler.attached?()
    assert counted(fn -> :logger.error("x") end) == 1
  end

  test "counts what is logged at error and above, whatever its form" do
    assert counted(fn ->
             :logger.error("text")
             :logger.error(~c"~p", [1])
             :logger.critical(%{report: 1})
             :logger.emergency("text", %{domain: [:elixir]})
             :logger.warning("text")
             :logger.info("text")
           end) == 4
  end

  test "counts a crash under a supervisor once, with all its reports" do
    {:ok, supervisor} = Supervisor.start_link([Fragile], strategy: :one_for_one, max_restarts: 100)

    assert counted(fn ->
             for _crash <- 1..5 do
               [{_id, pid, _type, _modules}] = Supervisor.which_children(supervisor)
               catch_exit(GenServer.call(pid, :crash))
             end

             # Reports of a supervisor are made before it answers.
             Supervisor.which_children(supervisor)
           end) == 5
  end

  test "counts a child that was killed, which only its supervisor reports" do
    {:ok, supervisor} = Supervisor.start_link([Fragile], strategy: :one_for_one)
    [{_id, pid, _type, _modules}] = Supervisor.which_children(supervisor)

    assert counted(fn ->
             Process.exit(pid, :kill)
             down(pid)
             Supervisor.which_children(supervisor)
           end) == 1
  end

  test "counts a crash of a process of :proc_lib, and of a task" do
    assert counted(fn -> down(:proc_lib.spawn(fn -> exit(:boom) end)) end) == 1

    supervisor = start_supervised!(Task.Supervisor)

    assert counted(fn ->
             {:ok, pid} = Task.Supervisor.start_child(supervisor, fn -> raise "boom" end)
             down(pid)
             Task.Supervisor.children(supervisor)
           end) == 1
  end

  test "counts nothing that ends as it should" do
    supervisor = start_supervised!(Task.Supervisor)

    assert counted(fn ->
             {:ok, pid} = Task.Supervisor.start_child(supervisor, fn -> exit(:shutdown) end)
             down(pid)
             down(:proc_lib.spawn(fn -> :ok end))
           end) == 0
  end

  test "outlives events that make no sense" do
    config = %{config: %{counter: ErrorCounter.shared()}}

    for nonsense <- [
          nil,
          %{},
          %{level: :error},
          %{level: :error, msg: nil, meta: nil},
          %{level: :error, msg: {:report, nil}, meta: %{pid: :me, gl: :you}},
          %{level: :error, msg: {:report, %{label: {:supervisor, :child_terminated}, report: [1 | 2]}}, meta: %{}},
          %{
            level: :error,
            msg: {:report, %{label: {:supervisor, :child_terminated}, report: [offender: 1]}},
            meta: %{}
          },
          %{level: :error, msg: {:string, "x"}, meta: %{domain: :otp}},
          %{level: :error, msg: {:string, "x"}, meta: %{domain: [:otp, :sasl | :more]}}
        ] do
      assert :ok = LogHandler.log(nonsense, config)
      assert :ignore = LogHandler.filter(nonsense, ErrorCounter.shared())
    end

    assert :ok = LogHandler.log(%{level: :error, msg: {:string, "x"}, meta: %{}}, :no_config)

    # And the logger has not thrown it out over any that goes all the way.
    :logger.error(%{label: {:supervisor, :child_terminated}, report: [1 | 2]}, %{domain: [:otp, :sasl]})
    :logger.error(%{label: {:supervisor, :child_terminated}, report: :odd}, %{pid: nil, domain: 1})
    assert LogHandler.attached?()
    assert counted(fn -> :logger.error("x") end) == 1
  end
end
