defmodule Bloom.Test.Node do
  @moduledoc """
  The remote control of a deployed garden: `Bloom.UpgradeCase.Node`, with what garden is configured by, and asked over
  HTTP.
  """

  alias Bloom.Test.HTTP
  alias Bloom.UpgradeCase.{Archive, Distribution, Launcher, Node}

  @type t :: Node.t()

  @doc "Unpacks an archive into a new directory `root`."
  @spec deploy(Path.t(), Path.t()) :: :ok
  defdelegate deploy(archive, root), to: Archive, as: :unpack

  @doc """
  Starts the deployed release and waits until it answers over HTTP.

  `env` is added to its environment; with `restart: true` it is started again whenever it ends, as a service manager does
  it. Returns `{:error, output}` where it ends instead.
  """
  @spec start(Path.t(), env: [{String.t(), String.t()}], restart: boolean()) :: {:ok, t()} | {:error, String.t()}
  def start(root, opts \\ []), do: Node.start(root, [name: "garden"] ++ options(opts))

  @doc "What `Bloom.UpgradeCase.Node` has to know of garden."
  @spec options(keyword()) :: keyword()
  def options(opts) do
    [
      env: [{"GARDEN_NODE", :node}, {"GARDEN_PORT", :port} | Keyword.get(opts, :env, [])],
      restart: Keyword.get(opts, :restart, false),
      ready: &match?({:ok, 200, _body}, HTTP.get(&1.http_port, "/version"))
    ]
  end

  @doc "The body of a GET request to the node."
  @spec get(t(), String.t()) :: String.t()
  def get(node, path) do
    {:ok, 200, body} = HTTP.get(node.http_port, path)
    body
  end

  @doc "Waits until no deployment is in progress."
  @spec await_idle(t()) :: :ok
  def await_idle(node) do
    case rpc(node, Bloom, :status, []) do
      :idle -> :ok
      _busy -> receive(after: (20 -> await_idle(node)))
    end
  end

  @doc "Waits until the node has printed something, as it does so behind what it does, and returns what that is."
  @spec await_log(t(), Regex.t()) :: [String.t()]
  def await_log(node, regex) do
    Regex.run(regex, log(node)) || receive(after: (20 -> await_log(node, regex)))
  end

  @doc "A digest of every file below a directory, by relative path."
  @spec tree(Path.t()) :: %{Path.t() => binary()}
  def tree(dir) do
    for path <- Path.wildcard(Path.join(dir, "**"), match_dot: true), File.regular?(path), into: %{} do
      {Path.relative_to(path, dir), :crypto.hash(:sha256, File.read!(path))}
    end
  end

  @doc "See `Bloom.UpgradeCase.Distribution.ensure/0`."
  @spec ensure_distribution() :: :ok
  defdelegate ensure_distribution, to: Distribution, as: :ensure

  @doc "See `Bloom.UpgradeCase.Launcher.clean_environment/0`."
  @spec clean_environment() :: [{String.t(), false}]
  defdelegate clean_environment, to: Launcher

  # The rest is as for every release.
  defdelegate upload(node, archive), to: Node
  defdelegate rpc(node, module, function, arguments), to: Node
  defdelegate rpc(node, module, function, arguments, timeout), to: Node
  defdelegate eval(node, code), to: Node
  defdelegate os_pid(node), to: Node
  defdelegate log(node), to: Node
  defdelegate stop(node, signal \\ :term), to: Node
  defdelegate kill(node), to: Node
  defdelegate await_down(node), to: Node
  defdelegate starts(node), to: Node
  defdelegate await_start(node, starts), to: Node
  defdelegate launcher_pid(node), to: Node
  defdelegate restart_inside(node), to: Node
end
