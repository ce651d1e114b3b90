defmodule Bloom.Deployment.Context do
  @moduledoc """
  What the steps of a deployment know and hand on.

  `facts` is what the journal keeps after every step, so what a step's `undo/1` needs in another life of the VM
  belongs there. Everything else lives as long as the walk.
  """

  alias Bloom.{Deployment, Metadata, Plan, Root}
  alias Bloom.Deployment.Rehearse

  @enforce_keys [:operation, :version, :root]
  defstruct [:id, :operation, :version, :root, :plan, :rehearsed, :before, :span, :failure, :late, :left] ++
              [opts: [], facts: %{}, repos: [], watch: %{}]

  @typedoc """
  `root.running` is the version that ran when the deployment began, `version` the one that it is about. `opts` are
  the caller's, `repos` the databases that it may migrate (with secrets, so never in `facts`), `watch` is what long work
  passes on to `Bloom.Native`, `span` what `Bloom.Telemetry` has of the walk. `failure` is what came of a
  deployment that is undone, `late` what failed when it could not be undone any more, `left` why something of the decisive
  step is left to do.
  """
  @type t :: %__MODULE__{
          id: pos_integer() | nil,
          operation: Deployment.operation(),
          version: String.t(),
          root: Root.t(),
          plan: Plan.t() | nil,
          rehearsed: Rehearse.rehearsed() | nil,
          before: Bloom.AppEnv.snapshot() | nil,
          span: Bloom.Telemetry.span() | nil,
          failure: %{outcome: atom(), reason: String.t()} | nil,
          late: Bloom.Error.t() | nil,
          left: Bloom.Error.t() | nil,
          opts: keyword(),
          facts: map(),
          repos: [Bloom.MigrationTracker.repo_info()],
          watch: map()
        }

  @doc "The context of a deployment that the journal tells of."
  @spec from_journal(map(), Root.t()) :: t()
  def from_journal(deployment, root) do
    %__MODULE__{
      id: deployment.id,
      operation: deployment.operation,
      version: deployment.version,
      root: %{root | running: deployment.from_version},
      facts: deployment.facts,
      opts: Map.get(deployment.facts, :opts, [])
    }
  end

  @doc "Which deployment it is, for those outside."
  @spec summary(t()) :: %{
          deployment: pos_integer(),
          operation: Deployment.operation(),
          version: String.t(),
          from_version: String.t()
        }
  def summary(%__MODULE__{root: root} = context) do
    %{
      deployment: context.id,
      operation: context.operation,
      version: context.version,
      from_version: root.running
    }
  end

  @doc "Adds facts that the journal keeps when the step has ended."
  @spec put_facts(t(), map()) :: t()
  def put_facts(%__MODULE__{} = context, facts), do: %{context | facts: Map.merge(context.facts, facts)}

  @doc "Adds facts and has the journal keep them at once, before the step does what they are about."
  @spec keep_facts(t(), map()) :: {:ok, t()} | {:error, Bloom.Error.t()}
  def keep_facts(%__MODULE__{} = context, facts) do
    context = put_facts(context, facts)
    with :ok <- Metadata.update_deployment(context.id, %{facts: context.facts}), do: {:ok, context}
  end

  @doc "With the facts that a step has kept before it failed. Where the journal cannot be read, there are none."
  @spec recall(t()) :: t()
  def recall(%__MODULE__{} = context) do
    case Metadata.get_deployment(context.id) do
      {:ok, %{facts: facts}} -> put_facts(context, facts)
      {:error, _unreadable} -> context
    end
  end

  @doc "Adds something that whoever reads the history has to know, whatever comes of the deployment."
  @spec note(t(), String.t()) :: t()
  def note(%__MODULE__{facts: facts} = context, text),
    do: put_facts(context, %{notes: Enum.uniq(notes(facts) ++ [text])})

  @doc "The notes of a deployment as one text, or `nil`."
  @spec notes_text(t()) :: String.t() | nil
  def notes_text(%__MODULE__{facts: facts}), do: if(notes(facts) != [], do: Enum.join(notes(facts), "; "))

  defp notes(facts), do: Map.get(facts, :notes, [])

  @doc "Which switch the plan and the caller want: while the node runs, or by a restart of the VM."
  @spec wanted_mode(t()) :: :hot | :restart
  def wanted_mode(%__MODULE__{plan: plan, opts: opts}),
    do: if(plan.decision == :restart or opts[:mode] == :restart, do: :restart, else: :hot)

  @doc "Which switch this is: while the node runs, or by a restart of the VM."
  @spec mode(t()) :: :hot | :restart | nil
  def mode(%__MODULE__{facts: facts}), do: Map.get(facts, :mode)
end
