defmodule Bloom.Test.Node do
  @moduledoc """
  The remote control of a deployed release: unpacks it as a user would, starts it with its own launcher as an
  operating system process, asks it over Erlang RPC and HTTP, stops and kills it.

  Everything is on loopback. The node ends with the process that started this one.
  """

  use GenServer

  @start_timeout_ms 30_000

  @type t :: %__MODULE__{server: pid(), root: Path.t(), node: node(), http_port: :inet.port_number()}
  defstruct [:server, :root, :node, :http_port]

  @doc "Unpacks an archive into a new directory `root`."
  @spec deploy(Path.t(), Path.t()) :: :ok
  def deploy(archive, root) do
    File.mkdir_p!(root)
    {_output, 0} = System.cmd("tar", ["xzf", archive, "-C", root])
    :ok
  end

  @doc """
  Starts the deployed release and waits until it answers over HTTP.

  `env` is added to its environment; with `restart: true` it is started again whenever it ends, as a service manager does
  it. Returns `{:error, output}` where it ends instead.
  """
  @spec start(Path.t(), env: [{String.t(), String.t()}], restart: boolean()) :: {:ok, t()} | {:error, String.t()}
  def start(root, opts \\ []) do
    ensure_distribution()
    id = System.unique_integer([:positive])
    node = :"garden-#{System.pid()}-#{id}@127.0.0.1"
    http_port = free_port()

    env = [
      {"GARDEN_NODE", Atom.to_string(node)},
      {"GARDEN_PORT", Integer.to_string(http_port)},
      {"ERL_EPMD_ADDRESS", "127.0.0.1"},
      {"ERL_CRASH_DUMP_SECONDS", "0"} | Keyword.get(opts, :env, [])
    ]

    Node.set_cookie(node, root |> Path.join("releases/COOKIE") |> File.read!() |> String.to_atom())
    {:ok, server} = GenServer.start_link(__MODULE__, {root, env, Keyword.get(opts, :restart, false)})
    handle = %__MODULE__{server: server, root: root, node: node, http_port: http_port}

    case await_http(handle, System.monotonic_time(:millisecond) + @start_timeout_ms) do
      :ok -> {:ok, handle}
      :error -> {:error, stop_and_log(handle)}
    end
  end

  @doc "Copies an archive into the node's `releases/`."
  @spec upload(t(), Path.t()) :: :ok
  def upload(node, archive) do
    File.cp!(archive, Path.join([node.root, "releases", Path.basename(archive)]))
  end

  @doc "Calls a function in the node."
  @spec rpc(t(), module(), atom(), [term()]) :: term()
  def rpc(node, module, function, arguments), do: :erpc.call(node.node, module, function, arguments, 120_000)

  @doc "Evaluates Elixir code in the node."
  @spec eval(t(), String.t()) :: term()
  def eval(node, code) do
    {value, _binding} = rpc(node, Code, :eval_string, [code])
    value
  end

  @doc "The body of a GET request to the node."
  @spec get(t(), String.t()) :: String.t()
  def get(node, path) do
    {:ok, 200, body} = Bloom.Test.HTTP.get(node.http_port, path)
    body
  end

  @doc "The process id that the operating system knows the node by."
  @spec os_pid(t()) :: String.t()
  def os_pid(node), do: rpc(node, System, :pid, [])

  @doc "What the node has printed so far."
  @spec log(t()) :: String.t()
  def log(node), do: GenServer.call(node.server, :log)

  @doc "Stops the node, hard with `:kill`, and waits until it is gone."
  @spec stop(t(), :term | :kill) :: :ok
  def stop(node, signal \\ :term), do: GenServer.call(node.server, {:stop, signal}, 30_000)

  @doc "Kills the VM of a node that is started again, and waits until it serves again."
  @spec kill(t()) :: :ok | :error
  def kill(node) do
    starts = starts(node)
    :ok = GenServer.call(node.server, :kill)
    await_start(node, starts + 1)
  end

  @doc "How often the node was started."
  @spec starts(t()) :: pos_integer()
  def starts(node), do: GenServer.call(node.server, :starts)

  @doc "Waits until a node that is started again was started so many times, and serves."
  @spec await_start(t(), pos_integer()) :: :ok | :error
  def await_start(node, starts) do
    deadline = System.monotonic_time(:millisecond) + 2 * @start_timeout_ms

    with :ok <- await_starts(node, starts, deadline), do: await_http(node, deadline)
  end

  defp await_starts(node, starts, deadline) do
    cond do
      starts(node) >= starts -> :ok
      System.monotonic_time(:millisecond) > deadline -> :error
      true -> receive(after: (20 -> await_starts(node, starts, deadline)))
    end
  end

  @doc "The process id of what was started last, which becomes the VM, whether it answers or not."
  @spec launcher_pid(t()) :: non_neg_integer()
  def launcher_pid(node), do: GenServer.call(node.server, :launcher_pid)

  @doc "Has the VM start again inside its operating system process (`init:restart`) and waits until it serves."
  @spec restart_inside(t()) :: :ok
  def restart_inside(node) do
    :ok = :net_kernel.monitor_nodes(true, node_type: :all)
    rpc(node, :init, :restart, [])
    name = node.node
    receive(do: ({:nodedown, ^name, _info} -> :ok))
    :ok = :net_kernel.monitor_nodes(false, node_type: :all)
    await_http(node, System.monotonic_time(:millisecond) + @start_timeout_ms)
  end

  @doc "A digest of every file below a directory, by relative path."
  @spec tree(Path.t()) :: %{Path.t() => binary()}
  def tree(dir) do
    for path <- Path.wildcard(Path.join(dir, "**"), match_dot: true), File.regular?(path), into: %{} do
      {Path.relative_to(path, dir), :crypto.hash(:sha256, File.read!(path))}
    end
  end

  @doc "Makes this VM a distributed node on loopback, and an epmd to go with it, once."
  @spec ensure_distribution() :: :ok
  def ensure_distribution do
    if not Node.alive?() do
      System.put_env("ERL_EPMD_ADDRESS", "127.0.0.1")
      {_output, 0} = System.cmd("epmd", ["-daemon"])
      :ok = await_epmd(System.monotonic_time(:millisecond) + @start_timeout_ms)
      Application.put_env(:kernel, :inet_dist_use_interface, {127, 0, 0, 1})
      # Hidden, as its nodes would all connect to each other otherwise.
      options = %{name_domain: :longnames, hidden: true}
      {:ok, _pid} = :net_kernel.start(:"bloom-#{System.pid()}@127.0.0.1", options)
    end

    :ok
  end

  # It says that it has started before it listens.
  defp await_epmd(deadline) do
    cond do
      match?({:ok, _names}, :erl_epmd.names({127, 0, 0, 1})) -> :ok
      System.monotonic_time(:millisecond) > deadline -> {:error, "epmd does not answer on loopback"}
      true -> receive(after: (20 -> await_epmd(deadline)))
    end
  end

  # Below the range from which the kernel gives ports to clients, one of which could take it meanwhile.
  defp free_port do
    port = Enum.random(15_000..30_000)

    case :gen_tcp.listen(port, ip: {127, 0, 0, 1}, reuseaddr: true) do
      {:ok, socket} ->
        :gen_tcp.close(socket)
        port

      {:error, :eaddrinuse} ->
        free_port()
    end
  end

  defp await_http(node, deadline) do
    cond do
      match?({:ok, 200, _body}, Bloom.Test.HTTP.get(node.http_port, "/version")) -> :ok
      System.monotonic_time(:millisecond) > deadline -> :error
      GenServer.call(node.server, {:ended_within, 50}) -> :error
      true -> await_http(node, deadline)
    end
  end

  defp stop_and_log(node) do
    log = log(node)
    stop(node, :kill)
    log
  end

  @impl true
  def init({root, env, restart}) do
    Process.flag(:trap_exit, true)
    {:ok, launch(%{root: root, env: env, restart: restart, starts: 0, log: [], ended: false})}
  end

  defp launch(%{root: root, env: env} = state) do
    port =
      Port.open({:spawn_executable, Path.join(root, "bin/garden")}, [
        :binary,
        :exit_status,
        :stderr_to_stdout,
        args: ["start"],
        cd: root,
        env: for({name, value} <- clean_environment() ++ env, do: {to_charlist(name), value && to_charlist(value)})
      ])

    # The launcher execs its way to the VM.
    {:os_pid, os_pid} = Port.info(port, :os_pid)
    Map.merge(state, %{port: port, os_pid: os_pid, starts: state.starts + 1})
  end

  @doc "What this VM was started with, taken away for a release, but for where epmd is."
  @spec clean_environment() :: [{String.t(), false}]
  def clean_environment do
    for {name, _value} <- System.get_env(),
        not String.starts_with?(name, "ERL_EPMD_"),
        String.starts_with?(name, ["RELEASE_", "MIX_", "ERL_", "ELIXIR_", "BINDIR", "ROOTDIR", "EMU", "PROGNAME"]) do
      {name, false}
    end
  end

  @impl true
  def handle_call(:log, _from, state), do: {:reply, IO.iodata_to_binary(state.log), state}

  def handle_call({:ended_within, ms}, _from, state) do
    state = if state.ended, do: state, else: receive_output(state, ms)
    {:reply, state.ended, state}
  end

  def handle_call({:stop, signal}, _from, state), do: {:reply, :ok, stop_process(%{state | restart: false}, signal)}

  def handle_call(:kill, _from, state) do
    signal(state, :kill)
    {:reply, :ok, state}
  end

  def handle_call(:launcher_pid, _from, state), do: {:reply, state.os_pid, state}
  def handle_call(:starts, _from, state), do: {:reply, state.starts, state}

  @impl true
  def handle_info(message, state), do: {:noreply, handle_output(message, state)}

  @impl true
  def terminate(_reason, state), do: stop_process(%{state | restart: false}, :kill)

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

  defp stop_process(%{ended: true} = state, _signal), do: state

  defp stop_process(state, signal) do
    signal(state, signal)
    await_end(state)
  end

  defp signal(state, signal) do
    name = if signal == :kill, do: "-KILL", else: "-TERM"
    System.cmd("kill", [name, to_string(state.os_pid)], stderr_to_stdout: true)
  end

  defp await_end(%{ended: true} = state), do: state
  defp await_end(state), do: state |> receive_output(:infinity) |> await_end()
end
