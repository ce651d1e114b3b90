defmodule Bloom.UpgradeCase.Node do
  @moduledoc """
  The remote control of a deployed release: starts it with its own launcher, asks it over Erlang's distribution, stops and
  kills it.

      {:ok, node} = Bloom.UpgradeCase.Node.start("/tmp/my_app", name: "my_app")
      Bloom.UpgradeCase.Node.rpc(node, Bloom.ReleaseManager, :current_release, [])

  The node ends with the process that started it.
  """

  alias Bloom.UpgradeCase.{Distribution, Launcher}

  @start_timeout_ms 30_000
  @call_timeout_ms 120_000

  @typedoc "`node` is its name, `http_port` the free port that it was given, `server` the process that runs it."
  @type t :: %__MODULE__{
          server: pid(),
          root: Path.t(),
          name: String.t(),
          node: node(),
          http_port: :inet.port_number(),
          ready: (t() -> boolean())
        }

  @enforce_keys [:server, :root, :name, :node, :http_port, :ready]
  defstruct [:server, :root, :name, :node, :http_port, :ready]

  @typedoc """
  How a release is started:

    * `name` - the name of the release, and so of its launcher;
    * `env` - its environment, beside `RELEASE_NODE` and `PORT`; `:node`, `:port` and `:root` stand for the node's own;
    * `config` - options of Bloom, over what it was built with, but not over its `config/runtime.exs`;
    * `check` - looks at how it is about to be started, and may answer an error instead;
    * `restart` - start it again whenever it ends, as a service manager does it;
    * `ready` - says whether it serves; by default, whether all of its applications are started.
  """
  @type option ::
          {:name, String.t()}
          | {:env, [{String.t(), String.t() | :node | :port | :root}]}
          | {:config, keyword()}
          | {:check, (Launcher.options() -> :ok | {:error, String.t()})}
          | {:restart, boolean()}
          | {:ready, (t() -> boolean())}

  @doc """
  Starts a deployed release and waits until it is ready. Answers what it printed where it ends instead.
  """
  @spec start(Path.t(), [option()]) :: {:ok, t()} | {:error, String.t()}
  def start(root, opts) do
    Distribution.ensure()
    release = Keyword.fetch!(opts, :name)
    {name, env} = Distribution.name(release)
    port = Distribution.free_port()
    own = %{node: Atom.to_string(name), port: Integer.to_string(port), root: root}

    env =
      env ++
        [
          {"PORT", own.port},
          {"ERL_CRASH_DUMP_SECONDS", "0"},
          {"ERL_AFLAGS", "#{Distribution.flags(name)} #{flags(Keyword.get(opts, :config, []))}"}
        ] ++ for {key, value} <- Keyword.get(opts, :env, []), do: {key, Map.get(own, value, value)}

    Node.set_cookie(name, root |> Path.join("releases/COOKIE") |> File.read!() |> String.to_atom())

    launcher = %{
      program: Path.join([root, "bin", release]),
      root: root,
      env: env,
      restart: Keyword.get(opts, :restart, false)
    }

    with :ok <- Keyword.get(opts, :check, fn _launcher -> :ok end).(launcher) do
      {:ok, server} = Launcher.start_link(launcher)
      ready = Keyword.get(opts, :ready, &started?/1)
      await(%__MODULE__{server: server, root: root, name: release, node: name, http_port: port, ready: ready})
    end
  end

  defp await(node) do
    case await_ready(node, System.monotonic_time(:millisecond) + @start_timeout_ms) do
      :ok -> {:ok, node}
      :error -> {:error, stop_and_log(node)}
    end
  end

  # The emulator takes them from its environment, quoted as in a shell.
  defp flags(config), do: Enum.map_join(config, " ", fn {key, value} -> "-bloom #{key} '#{term(value)}'" end)

  defp term(value) when is_binary(value), do: "<<\"#{value}\">>"
  defp term(value), do: :io_lib.format("~w", [value])

  @doc "Whether all applications of the release are started."
  @spec started?(t()) :: boolean()
  def started?(node) do
    match?({:started, _status}, :erpc.call(node.node, :init, :get_status, [], 5000))
  catch
    :error, {:erpc, _not_there} -> false
  end

  @doc "Copies an archive into the node's `releases/`."
  @spec upload(t(), Path.t()) :: :ok
  def upload(node, archive), do: File.cp!(archive, Path.join([node.root, "releases", Path.basename(archive)]))

  @doc "Calls a function in the node, and waits two minutes at most, unless told otherwise."
  @spec rpc(t(), module(), atom(), [term()], timeout()) :: term()
  def rpc(node, module, function, arguments, timeout \\ @call_timeout_ms) do
    :erpc.call(node.node, module, function, arguments, timeout)
  end

  @doc "Evaluates Elixir code in the node."
  @spec eval(t(), String.t()) :: term()
  def eval(node, code) do
    {value, _binding} = rpc(node, Code, :eval_string, [code])
    value
  end

  @doc "The process id that the operating system knows the node by."
  @spec os_pid(t()) :: String.t()
  def os_pid(node), do: rpc(node, System, :pid, [])

  @doc "What the node has printed so far."
  @spec log(t()) :: String.t()
  def log(node), do: Launcher.log(node.server)

  @doc "Stops the node, hard with `:kill`, and waits until it is gone."
  @spec stop(t(), :term | :kill) :: :ok
  def stop(node, signal \\ :term), do: Launcher.stop(node.server, signal)

  @doc "Waits until the node is gone. It ends with the process that started it."
  @spec await_down(t()) :: :ok
  def await_down(node) do
    ref = Process.monitor(node.server)
    receive(do: ({:DOWN, ^ref, _, _, _} -> :ok))
  end

  @doc "Kills the VM of a node that is started again, and waits until it is ready again."
  @spec kill(t()) :: :ok | :error
  def kill(node) do
    starts = starts(node)
    :ok = Launcher.kill(node.server)
    await_start(node, starts + 1)
  end

  @doc "How often the node was started."
  @spec starts(t()) :: pos_integer()
  def starts(node), do: Launcher.starts(node.server)

  @doc "Waits until a node that is started again was started so many times, and is ready."
  @spec await_start(t(), pos_integer()) :: :ok | :error
  def await_start(node, starts) do
    deadline = System.monotonic_time(:millisecond) + 2 * @start_timeout_ms
    with :ok <- await_starts(node, starts, deadline), do: await_ready(node, deadline)
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
  def launcher_pid(node), do: Launcher.os_pid(node.server)

  @doc "Has the VM start again inside its operating system process (`init:restart`) and waits until it is ready."
  @spec restart_inside(t()) :: :ok | :error
  def restart_inside(node) do
    :ok = :net_kernel.monitor_nodes(true, node_type: :all)
    rpc(node, :init, :restart, [])
    name = node.node
    receive(do: ({:nodedown, ^name, _info} -> :ok))
    :ok = :net_kernel.monitor_nodes(false, node_type: :all)
    await_ready(node, System.monotonic_time(:millisecond) + @start_timeout_ms)
  end

  defp await_ready(node, deadline) do
    cond do
      node.ready.(node) -> :ok
      System.monotonic_time(:millisecond) > deadline -> :error
      Launcher.ended_within?(node.server, 50) -> :error
      true -> await_ready(node, deadline)
    end
  end

  defp stop_and_log(node) do
    log = log(node)
    stop(node, :kill)
    log
  end
end
