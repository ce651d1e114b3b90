defmodule Bloom.Test.Faults.Scenario do
  @moduledoc """
  The deployments that the matrix interrupts.

  Each starts from a root that was prepared by real deployments, does one operation, and says what may run after it was
  interrupted (`from` or `to`), and what runs when it was not (`ends_on`). In order:

    * `install` - a release is installed;
    * `up` - a hot switch to a newer release, to its commit;
    * `down` - a hot rollback, to its commit;
    * `unhealthy` - a hot switch to a release whose health check fails, which is taken back;
    * `probation` - a hot switch, and a rollback while it is on probation;
    * `restart-up`, `restart-down` - the same two ways by a trial boot;
    * `restart-unhealthy` - a trial boot of a release whose health check fails, which goes back by itself.
  """

  alias Bloom.Test.Faults.Site
  alias Bloom.Test.Node

  @enforce_keys [:name, :prepare, :operation, :answer, :from, :to, :ends_on]
  defstruct [:name, :prepare, :operation, :answer, :from, :to, :ends_on, uploads: ["1.1.0"], probation_ms: 100]

  @wait [wait: :commit]

  @typedoc "A call of `Bloom.ReleaseManager`."
  @type call :: {atom(), [term()]}

  @type t :: %__MODULE__{
          name: String.t(),
          uploads: [String.t()],
          prepare: [call()],
          operation: [call()],
          answer: :ok | :error | {:ok, :restarting},
          from: String.t(),
          to: String.t(),
          ends_on: String.t(),
          probation_ms: non_neg_integer()
        }

  @doc "All scenarios, by what is deployed first: 1.0.0 in each."
  @spec all() :: [t()]
  def all do
    [
      %__MODULE__{
        name: "install",
        prepare: [],
        operation: [{:install_release, ["1.1.0"]}],
        answer: :ok,
        from: "1.0.0",
        to: "1.0.0",
        ends_on: "1.0.0"
      },
      %__MODULE__{
        name: "up",
        prepare: [{:install_release, ["1.1.0"]}],
        operation: [{:switch_release, ["1.1.0", @wait]}],
        answer: :ok,
        from: "1.0.0",
        to: "1.1.0",
        ends_on: "1.1.0"
      },
      %__MODULE__{
        name: "down",
        prepare: [{:install_release, ["1.1.0"]}, {:switch_release, ["1.1.0", @wait]}],
        operation: [{:rollback_release, [@wait]}],
        answer: :ok,
        from: "1.1.0",
        to: "1.0.0",
        ends_on: "1.0.0"
      },
      %__MODULE__{
        name: "unhealthy",
        uploads: ["1.1.0", "1.3.0-unhealthy"],
        prepare: [{:install_release, ["1.3.0-unhealthy"]}],
        operation: [{:switch_release, ["1.3.0-unhealthy", @wait]}],
        answer: :error,
        from: "1.0.0",
        to: "1.0.0",
        ends_on: "1.0.0"
      },
      %__MODULE__{
        name: "probation",
        prepare: [{:install_release, ["1.1.0"]}],
        operation: [{:switch_release, ["1.1.0"]}, {:rollback_release, [@wait]}],
        answer: :ok,
        from: "1.0.0",
        to: "1.0.0",
        ends_on: "1.0.0",
        probation_ms: 60_000
      },
      %__MODULE__{
        name: "restart-up",
        prepare: [{:install_release, ["1.1.0"]}],
        operation: [{:switch_release, ["1.1.0", [mode: :restart]]}],
        answer: {:ok, :restarting},
        from: "1.0.0",
        to: "1.1.0",
        ends_on: "1.1.0"
      },
      %__MODULE__{
        name: "restart-down",
        prepare: [{:install_release, ["1.1.0"]}, {:switch_release, ["1.1.0", @wait]}],
        operation: [{:rollback_release, [[mode: :restart]]}],
        answer: {:ok, :restarting},
        from: "1.1.0",
        to: "1.0.0",
        ends_on: "1.0.0"
      },
      %__MODULE__{
        name: "restart-unhealthy",
        uploads: ["1.1.0", "1.3.0-unhealthy"],
        prepare: [{:install_release, ["1.3.0-unhealthy"]}],
        operation: [{:switch_release, ["1.3.0-unhealthy", [mode: :restart]]}],
        answer: {:ok, :restarting},
        from: "1.0.0",
        to: "1.0.0",
        ends_on: "1.0.0"
      }
    ]
  end

  @doc "What may run while a disk is full, when a trial cannot be ended in order: also the release on trial."
  @spec on_full_disk(t()) :: [String.t()]
  def on_full_disk(%__MODULE__{} = scenario) do
    tried = for {:switch_release, [version, _opts]} <- scenario.operation, restarts?(scenario), do: version
    Enum.uniq([scenario.from, scenario.to | tried])
  end

  @doc "Whether the VM ends in the course of it."
  @spec restarts?(t()) :: boolean()
  def restarts?(%__MODULE__{name: name}), do: String.starts_with?(name, "restart")

  @doc "The scenario of a name."
  @spec fetch!(String.t()) :: t()
  def fetch!(name) do
    Enum.find(all(), &(&1.name == name)) ||
      raise ArgumentError, "there is no scenario #{name}, only #{Enum.map_join(all(), ", ", & &1.name)}"
  end

  @doc "What is deployed before anything else."
  @spec first() :: String.t()
  def first, do: "1.0.0"

  @doc "Every version that some scenario needs."
  @spec versions() :: [String.t()]
  def versions, do: [first() | Enum.flat_map(all(), & &1.uploads)] |> Enum.uniq()

  @doc "The version of the good deployment that must succeed when `running` runs."
  @spec next(t(), String.t()) :: String.t()
  def next(%__MODULE__{}, "1.0.0"), do: "1.1.0"
  def next(%__MODULE__{}, _running), do: "1.0.0"

  @doc "What a node is started with, before the fault and after it."
  @spec env(non_neg_integer()) :: [{String.t(), String.t()}]
  def env(probation_ms \\ 100) do
    [{"GARDEN_PROBATION_MS", Integer.to_string(probation_ms)}, {"GARDEN_RESTARTED_BY", "the matrix of faults"}]
  end

  @doc "Prepares the root of a scenario: deployed, started, led to where the operation starts, and stopped in order."
  @spec prepare!(t(), Site.t()) :: Path.t()
  def prepare!(%__MODULE__{} = scenario, site) do
    root = Site.root(site, "base-#{scenario.name}")
    Site.copy!(Site.pristine(site, first()), root)
    for version <- scenario.uploads, do: Site.upload!(site, root, version)
    {:ok, node} = Node.start(root, env: env())
    for call <- scenario.prepare, do: :ok = call(node, call)
    :ok = Node.stop(node)
    root
  end

  @doc "The call that makes a version the committed one."
  @spec switch(String.t()) :: call()
  def switch(version), do: {:switch_release, [version, @wait]}

  @doc "Asks a node for the operation of a scenario; where it has several calls, as long as they are answered with `:ok`."
  @spec operate(t(), Node.t()) :: term()
  def operate(%__MODULE__{operation: calls}, node) do
    Enum.reduce_while(calls, :ok, fn call, :ok ->
      case call(node, call) do
        :ok -> {:cont, :ok}
        other -> {:halt, other}
      end
    end)
  end

  @doc "Asks a node for something."
  @spec call(Node.t(), call()) :: term()
  def call(node, {function, arguments}), do: Node.rpc(node, Bloom.ReleaseManager, function, arguments)
end
