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
    * `restart-unhealthy` - a trial boot of a release whose health check fails, which goes back by itself;
    * `hooks`, `hooks-unhealthy`, `restart-hooks` - a hot switch with hooks around it, and the same to an unhealthy release,
      hot and by a trial boot;
    * `migrate`, `migrate-down` - a hot switch to a release with migrations, and the rollback, which takes them back;
    * `migrate-unhealthy`, `restart-migrate` - a hot switch to, and a trial boot of, an unhealthy release with migrations.
  """

  alias Bloom.Test.{DatabaseRelease, Node}
  alias Bloom.Test.Faults.Site

  @enforce_keys [:name, :prepare, :operation, :answer, :from, :to, :ends_on]
  defstruct [:name, :prepare, :operation, :answer, :from, :to, :ends_on] ++
              [first: "1.0.0", uploads: ["1.1.0"], probation_ms: 100]

  @wait [wait: :commit]

  @typedoc "A call of `Bloom.ReleaseManager`."
  @type call :: {atom(), [term()]}

  @type t :: %__MODULE__{
          name: String.t(),
          first: String.t(),
          uploads: [String.t()],
          prepare: [call()],
          operation: [call()],
          answer: :ok | :error | {:ok, :restarting},
          from: String.t(),
          to: String.t(),
          ends_on: String.t(),
          probation_ms: non_neg_integer()
        }

  @doc "All scenarios."
  @spec all() :: [t()]
  def all, do: plain() ++ with_hooks() ++ with_database()

  defp plain do
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

  defp with_hooks do
    for {name, of} <- [{"hooks", "up"}, {"hooks-unhealthy", "unhealthy"}, {"restart-hooks", "restart-unhealthy"}] do
      %{Enum.find(plain(), &(&1.name == of)) | name: name}
    end
  end

  defp with_database do
    common = %__MODULE__{
      name: "",
      first: "2.0.0-db",
      uploads: ["2.1.0-db"],
      prepare: [{:install_release, ["2.1.0-db"]}],
      operation: [],
      answer: :ok,
      from: "2.0.0-db",
      to: "2.0.0-db",
      ends_on: "2.0.0-db"
    }

    switched = common.prepare ++ [{:switch_release, ["2.1.0-db", @wait]}]
    bad = "2.2.0-unhealthy"
    to_bad = %{common | uploads: ["2.1.0-db", bad], prepare: [{:install_release, [bad]}]}

    [
      %{
        common
        | name: "migrate",
          operation: [{:switch_release, ["2.1.0-db", @wait]}],
          to: "2.1.0-db",
          ends_on: "2.1.0-db"
      },
      %{common | name: "migrate-down", prepare: switched, operation: [{:rollback_release, [@wait]}], from: "2.1.0-db"},
      %{to_bad | name: "migrate-unhealthy", operation: [{:switch_release, [bad, @wait]}], answer: :error},
      %{
        to_bad
        | name: "restart-migrate",
          operation: [{:switch_release, [bad, [mode: :restart]]}],
          answer: {:ok, :restarting}
      }
    ]
  end

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

  @doc "The scenario of a name."
  @spec fetch!(String.t()) :: t()
  def fetch!(name) do
    Enum.find(all(), &(&1.name == name)) ||
      raise ArgumentError, "there is no scenario #{name}, only #{Enum.map_join(all(), ", ", & &1.name)}"
  end

  @doc "Every version that some scenario needs."
  @spec versions() :: [String.t()]
  def versions, do: all() |> Enum.flat_map(&[&1.first | &1.uploads]) |> Enum.uniq()

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
    {:ok, node} = Node.start(root, env: env(scenario, root))
    if database?(scenario), do: {:ok, [_first]} = Node.rpc(node, Bloom.MigrationTracker, :run_pending_migrations, [])
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
