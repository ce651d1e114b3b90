defmodule Bloom.Native.Beside do
  @moduledoc """
  Runs a function of the native library in a VM beside the node, with the node's own code.

  For work on files of which the node may hold locks in another library: POSIX gives up all locks of a process on a file
  when any part of the process closes it. The VM has no distribution, starts no applications, and ends with the call: it
  is cancelled when the call is, or when the caller ends, and killed where that does not help.
  """

  alias Bloom.{Error, Native, Root}

  @call "BLOOM_NATIVE_CALL"
  # How often it is looked whether the call is cancelled, and how long the VM may then take to end.
  @look_ms 50
  @grace_ms 3_000
  @said_lines 20

  @doc "Calls the function with the arguments and a watch, and answers what it answers."
  @spec call(atom(), [term()], Native.watch()) :: {:ok, term()} | {:error, Error.t()}
  def call(function, arguments, watch) do
    port =
      Port.open({:spawn_executable, erl()}, [
        :binary,
        :exit_status,
        :hide,
        {:line, 65_536},
        args: boot() ++ ~w(+S 1:1 +sbwt none -noshell -pa) ++ code() ++ ["-s", "#{__MODULE__}", "main"],
        env: environment({function, arguments})
      ])

    wait(%{port: port, watch: watch, part: "", said: [], kill_at: nil, answer: nil})
  end

  @doc "What runs in the VM beside the node."
  @spec main() :: no_return()
  def main do
    {function, arguments} = @call |> System.fetch_env!() |> Base.decode64!() |> :erlang.binary_to_term()
    {:ok, token} = Native.cancel_token()
    spawn(fn -> obey(token) end)
    teller = spawn(&tell/0)
    answer = apply(Native, function, arguments ++ [%{progress: {teller, make_ref()}, cancel: token}])
    IO.puts("answer " <> Base.encode64(:erlang.term_to_binary(answer)))
    System.halt(0)
  end

  # One line is a request to stop; so is the end of the node, which closes standard input.
  defp obey(token) do
    input = IO.read(:stdio, :line)
    Native.ok!(Native.cancel(token))

    if input == :eof do
      Process.send_after(self(), :halt, @grace_ms)
      receive do: (:halt -> System.halt(1))
    end
  end

  defp tell do
    receive do
      {:bloom_progress, _ref, done, total} -> IO.puts("progress #{done} #{total}")
    end

    tell()
  end

  defp wait(%{port: port} = state) do
    receive do
      {^port, {:data, {:noeol, part}}} -> wait(%{state | part: state.part <> part})
      {^port, {:data, {:eol, rest}}} -> %{state | part: ""} |> read(state.part <> rest) |> wait()
      {^port, {:exit_status, status}} -> ended(state, status)
    after
      @look_ms -> state |> look() |> wait()
    end
  end

  defp read(state, "answer " <> answer) do
    %{state | answer: answer |> Base.decode64!() |> :erlang.binary_to_term()}
  end

  defp read(state, "progress " <> numbers) do
    with {pid, ref} <- state.watch[:progress] do
      [done, total] = numbers |> String.split() |> Enum.map(&String.to_integer/1)
      send(pid, {:bloom_progress, ref, done, total})
    end

    state
  end

  defp read(state, line), do: %{state | said: Enum.take([line | state.said], @said_lines)}

  defp look(%{kill_at: nil} = state) do
    if state.watch[:cancel] && Native.cancelled?(state.watch.cancel) do
      Port.command(state.port, "cancel\n")
      %{state | kill_at: now() + @grace_ms}
    else
      state
    end
  end

  defp look(state) do
    # Asked for only now: it is not known at once, and what ended by itself has none any more.
    with true <- now() >= state.kill_at, {:os_pid, os_pid} when os_pid > 0 <- Port.info(state.port, :os_pid) do
      System.cmd("kill", ["-KILL", to_string(os_pid)], stderr_to_stdout: true)
    end

    state
  end

  defp ended(%{answer: {:ok, value}}, _status), do: {:ok, value}
  defp ended(%{answer: {:error, error}}, _status), do: {:error, Error.from_native(error)}

  defp ended(%{kill_at: kill_at}, _status) when kill_at != nil do
    {:error, Error.new(:cancelled, "cancelled; nothing was changed")}
  end

  defp ended(state, status) do
    said = if state.said == [], do: "", else: ":\n" <> (state.said |> Enum.reverse() |> Enum.join("\n"))

    {:error,
     Error.new(:native_vm_failed, "the VM beside the node ended with status #{status} and no answer#{said}",
       suggestions: ["see whether another VM can be started there (memory, limit of processes), and try again"]
     )}
  end

  defp erl, do: Path.join([:code.root_dir(), "erts-#{:erlang.system_info(:version)}", "bin", "erl"])

  # In a release its own boot file, as it may have no other.
  defp boot do
    with {:ok, root} <- Root.fetch(),
         boot = Root.release_path(root, root.running, "start_clean"),
         true <- File.exists?(boot <> ".boot") do
      ["-boot", boot, "-boot_var", "RELEASE_LIB", Path.join(root.path, "lib")]
    else
      _no_release -> ["-boot", "start_clean"]
    end
  end

  defp code, do: for(app <- [:elixir, :bloom], do: app |> :code.lib_dir() |> Path.join("ebin"))

  defp environment(call) do
    [
      {to_charlist(@call), call |> :erlang.term_to_binary() |> Base.encode64() |> to_charlist()},
      {to_charlist("ERL_CRASH_DUMP_SECONDS"), to_charlist("0")}
      # The node's own flags may give it a name or a heart.
      | for(name <- ~w(ERL_FLAGS ERL_AFLAGS ERL_ZFLAGS ERL_LIBS HEART_COMMAND), do: {to_charlist(name), false})
    ]
  end

  defp now, do: System.monotonic_time(:millisecond)
end
