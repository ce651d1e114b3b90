defmodule Bloom.UpgradeCase.Launcher do
  @moduledoc """
  Runs the launcher of a release as an operating system process: collects what it prints, starts it again where that is
  wanted, and ends it with the process that started this one.
  """

  use GenServer

  # The last is systemd's: this VM may be one of its units, the release is not.
  @of_this_vm ~w(RELEASE_ MIX_ ERL_ ELIXIR_ BINDIR ROOTDIR EMU PROGNAME INVOCATION_ID)

  @type options :: %{program: Path.t(), root: Path.t(), env: [{String.t(), String.t()}], restart: boolean()}

  @doc "Starts the program, in its root."
  @spec start_link(options()) :: GenServer.on_start()
  def start_link(options), do: GenServer.start_link(__MODULE__, options)

  @doc """
  Has the launcher evaluate Elixir code with the release's configuration, in a VM of its own in which nothing is started.
  Answers what it printed, where that fails.
  """
  @spec eval(options(), String.t()) :: :ok | {:error, String.t()}
  def eval(%{program: program, root: root, env: env}, code) do
    env = for({name, _taken} <- clean_environment(), do: {name, nil}) ++ env

    case System.cmd(program, ["eval", code], cd: root, env: env, stderr_to_stdout: true) do
      {_output, 0} -> :ok
      {output, _status} -> {:error, output}
    end
  end

  @doc "What was printed so far."
  @spec log(pid()) :: String.t()
  def log(launcher), do: GenServer.call(launcher, :log)

  @doc "How often the program was started."
  @spec starts(pid()) :: pos_integer()
  def starts(launcher), do: GenServer.call(launcher, :starts)

  @doc "The process id of what was started last, which becomes the VM."
  @spec os_pid(pid()) :: non_neg_integer()
  def os_pid(launcher), do: GenServer.call(launcher, :os_pid)

  @doc "Whether the program has ended for good, or does so within some milliseconds."
  @spec ended_within?(pid(), non_neg_integer()) :: boolean()
  def ended_within?(launcher, ms), do: GenServer.call(launcher, {:ended_within, ms})

  @doc "Kills the program, which is started again where that is wanted."
  @spec kill(pid()) :: :ok
  def kill(launcher), do: GenServer.call(launcher, :kill)

  @doc "Stops the program for good and waits until it is gone."
  @spec stop(pid(), :term | :kill) :: :ok
  def stop(launcher, signal), do: GenServer.call(launcher, {:stop, signal}, 30_000)

  @impl true
  def init(options) do
    Process.flag(:trap_exit, true)
    {:ok, launch(Map.merge(options, %{starts: 0, log: [], ended: false}))}
  end

  defp launch(state) do
    port =
      Port.open({:spawn_executable, state.program}, [
        :binary,
        :exit_status,
        :stderr_to_stdout,
        args: ["start"],
        cd: state.root,
        env:
          for({name, value} <- clean_environment() ++ state.env, do: {to_charlist(name), value && to_charlist(value)})
      ])

    # The launcher execs its way to the VM.
    {:os_pid, os_pid} = Port.info(port, :os_pid)
    Map.merge(state, %{port: port, os_pid: os_pid, starts: state.starts + 1})
  end

  @doc "What this VM was started with and is not for the release: everything but where epmd is, taken away."
  @spec clean_environment() :: [{String.t(), false}]
  def clean_environment do
    for {name, _value} <- System.get_env(),
        not String.starts_with?(name, "ERL_EPMD_"),
        String.starts_with?(name, @of_this_vm) do
      {name, false}
    end
  end

  @impl true
  def handle_call(:log, _from, state), do: {:reply, IO.iodata_to_binary(state.log), state}
  def handle_call(:starts, _from, state), do: {:reply, state.starts, state}
  def handle_call(:os_pid, _from, state), do: {:reply, state.os_pid, state}

  def handle_call({:ended_within, ms}, _from, state) do
    state = if state.ended, do: state, else: receive_output(state, ms)
    {:reply, state.ended, state}
  end

  def handle_call({:stop, signal}, _from, state), do: {:reply, :ok, stop_program(state, signal)}

  def handle_call(:kill, _from, state) do
    signal(state, :kill)
    {:reply, :ok, state}
  end

  @impl true
  def handle_info(message, state), do: {:noreply, handle_output(message, state)}

  @impl true
  def terminate(_reason, state), do: stop_program(state, :kill)

  defp receive_output(state, ms) do
    receive do
      {port, _output} = message when port == state.port -> handle_output(message, state)
    after
      ms -> state
    end
  end

  defp handle_output({port, {:data, data}}, %{port: port} = state), do: %{state | log: [state.log | data]}

  defp handle_output({port, {:exit_status, status}}, %{port: port} = state) do
    state = %{state | log: [state.log | "[ended with status #{status}]\n"]}
    if state.restart, do: launch(state), else: %{state | ended: true}
  end

  defp handle_output(_other, state), do: state

  defp stop_program(%{ended: true} = state, _signal), do: state

  defp stop_program(state, signal) do
    signal(state, signal)
    await_end(%{state | restart: false})
  end

  defp signal(state, signal) do
    name = if signal == :kill, do: "-KILL", else: "-TERM"
    System.cmd("kill", [name, to_string(state.os_pid)], stderr_to_stdout: true)
  end

  defp await_end(%{ended: true} = state), do: state
  defp await_end(state), do: state |> receive_output(:infinity) |> await_end()
end
