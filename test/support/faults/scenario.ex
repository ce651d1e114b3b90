defmodule Bloom.Test.Faults.Scenario do
  @moduledoc """
  A deployment that the matrix interrupts; `Bloom.Test.Faults.Scenarios` has them all.

  It starts from a root that was prepared by real deployments, does one operation, and says what may run after it was
  interrupted (`from` or `to`), and what runs when it was not (`ends_on`). One without calls is the start of the node
  itself, on a root as it was unpacked.
  """

  alias Bloom.Test.{DatabaseRelease, Node}
  alias Bloom.Test.Faults.Site

  @enforce_keys [:name, :prepare, :operation, :answer, :from, :to, :ends_on]
  defstruct [:name, :prepare, :operation, :answer, :from, :to, :ends_on] ++
              [first: "1.0.0", uploads: ["1.1.0"], probation_ms: 100]

  @typedoc "A call of `Bloom.ReleaseManager`, or of another module."
  @type call :: {atom(), [term()]} | {module(), atom(), [term()]}

  @type t :: %__MODULE__{
          name: String.t(),
          first: String.t(),
          uploads: [String.t()],
          prepare: [call()],
          operation: [call()],
          answer: :ok | :error | {:ok, :restarting} | {:removed, [String.t()]},
          from: String.t(),
          to: String.t(),
          ends_on: String.t(),
          probation_ms: non_neg_integer()
        }

  @doc "Whether its releases have a database."
  @spec database?(t()) :: boolean()
  def database?(%__MODULE__{first: first}), do: first == "2.0.0-db"

  @doc "The file in which the hooks of a root write what they are called for, if the scenario has any."
  @spec hooks_file(t(), Path.t()) :: Path.t() | nil
  def hooks_file(%__MODULE__{name: name}, root), do: if(name =~ "hooks", do: Path.join(root, "hooks"))

  @doc "What may run while a disk is full, when a trial cannot be ended in order: also the release on trial."
  @spec on_full_disk(t()) :: [String.t()]
  def on_full_disk(%__MODULE__{} = scenario) do
    tried = for {:switch_release, [version, _opts]} <- scenario.operation, restarts?(scenario), do: version
    Enum.uniq([scenario.from, scenario.to | tried])
  end

  @doc "Whether the VM ends in the course of it."
  @spec restarts?(t()) :: boolean()
  def restarts?(%__MODULE__{name: name}), do: String.starts_with?(name, "restart")

  @doc "Whether what is struck at is the start of the node."
  @spec boot?(t()) :: boolean()
  def boot?(%__MODULE__{operation: calls}), do: calls == []

  @doc "The version of the good deployment that must succeed when `running` runs."
  @spec next(t(), String.t()) :: String.t()
  def next(%__MODULE__{first: first, uploads: [other | _more]}, running),
    do: if(running == first, do: other, else: first)

  @doc "What the node of a root is started with, before the fault and after it."
  @spec env(t(), Path.t(), non_neg_integer()) :: [{String.t(), String.t()}]
  def env(%__MODULE__{} = scenario, root, probation_ms \\ 100) do
    database = if database?(scenario), do: DatabaseRelease.env(Site.database(root)), else: []
    probation = {"GARDEN_PROBATION_MS", Integer.to_string(probation_ms)}
    hooks = for file <- List.wrap(hooks_file(scenario, root)), do: {"GARDEN_HOOKS", file}
    # What is small is to become full in the middle of a deployment, not to be refused before.
    disk = {"GARDEN_MIN_DISK_SPACE_MB", "0"}
    [probation, disk, {"GARDEN_RESTARTED_BY", "the matrix of faults"}] ++ hooks ++ database
  end

  @doc "Prepares the root of a scenario: deployed, started, led to where the operation starts, and stopped in order."
  @spec prepare!(t(), Site.t()) :: Path.t()
  def prepare!(%__MODULE__{} = scenario, site) do
    root = Site.root(site, "base-#{scenario.name}")
    Site.copy!(Site.pristine(site, scenario.first), root)
    for version <- scenario.uploads, do: Site.upload!(site, root, version)
    if database?(scenario), do: Site.make_database!(root)
    if not boot?(scenario), do: prepare_running!(scenario, root)
    root
  end

  defp prepare_running!(scenario, root) do
    {:ok, node} = Node.start(root, env: env(scenario, root))
    if database?(scenario), do: {:ok, [_first]} = Node.rpc(node, Bloom.MigrationTracker, :run_pending_migrations, [])
    for call <- scenario.prepare, do: :ok = call(node, call)
    :ok = Node.stop(node)
  end

  @doc "The call that makes a version the committed one."
  @spec switch(String.t()) :: call()
  def switch(version), do: {:switch_release, [version, [wait: :commit]]}

  @doc """
  Asks a node for the operation of a scenario; where it has several calls, as long as they are answered with `:ok`, or go on
  without an answer to their probation.
  """
  @spec operate(t(), Node.t()) :: term()
  def operate(%__MODULE__{operation: calls}, node), do: in_turn(calls, node)

  defp in_turn([], _node), do: :ok
  defp in_turn([last], node), do: call(node, last)

  defp in_turn([call | later], node) do
    with :ok <- node |> call(call) |> or_on_probation(node), do: in_turn(later, node)
  end

  defp or_on_probation({:error, text} = answer, node) do
    if text =~ "goes on without an answer", do: await_probation(node, answer), else: answer
  end

  defp or_on_probation(answer, _node), do: answer

  defp await_probation(node, answer) do
    case Node.rpc(node, Bloom, :status, []) do
      :idle -> answer
      %{probation_left_ms: nil} -> receive(after: (20 -> await_probation(node, answer)))
      %{probation_left_ms: _left} -> :ok
    end
  end

  @doc "Asks a node for something."
  @spec call(Node.t(), call()) :: term()
  def call(node, {function, arguments}), do: call(node, {Bloom.ReleaseManager, function, arguments})
  def call(node, {module, function, arguments}), do: Node.rpc(node, module, function, arguments)
end
