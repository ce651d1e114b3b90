defmodule Bloom.Deployment.Recovery do
  @moduledoc """
  Settles a deployment that was left unfinished: the VM ended, or the process that walked was killed.

  The journal says which steps had started, the node itself what there is of them. A deployment whose decisive step had
  taken effect is finished, a release on trial goes on to its probation, everything else is undone. Only what the node is
  still in the middle of: where it runs something else by now, by another hand, the deployment is ended as it is.
  """

  alias Bloom.{Config, DurableFile, Error, ErrorInterpreter, Metadata, Native, ReleaseHandler, ReleasesFile, Root}
  alias Bloom.{SysConfig, TrialBoot}
  alias Bloom.Deployment.{Context, Report, Status, Steps, Walk}

  @history "see Bloom.Metadata.get_deployment_history() for what came of it"

  @doc """
  Settles the files of an interrupted switch, once in the life of the VM: after a hot switch the boot script no longer
  tells what runs. What a process that was killed left half-written is swept each time, and whenever it is asked, there is a
  release handler then.
  """
  @spec settle_files() :: :ok | {:error, Error.t()}
  def settle_files do
    ReleasesFile.ensure_release_handler()
    root = Root.path()

    if :persistent_term.get({__MODULE__, :settled}, false) do
      sweep_files(root, &upload?/1)
    else
      SysConfig.restore_all(root)
      Native.ok!(Native.archive_sweep(root))
      sweep_files(root, fn _name -> false end)
      ReleasesFile.reconcile(root)
      :persistent_term.put({__MODULE__, :settled}, true)
    end
  rescue
    # The node serves on; deployments are refused until this works.
    error ->
      {:error,
       Error.new(
         :not_settled,
         "what an interrupted switch left cannot be put in order: #{ErrorInterpreter.interpret(error).message}",
         suggestions: ["make room and the root writable for the node's user, then try again"]
       )}
  end

  defp sweep_files(root, spared?) do
    DurableFile.sweep(for(dir <- ["bin", "releases"], do: Path.join(root, dir)) ++ Root.release_dirs(root), spared?)
  end

  # An archive may be on its way while the node runs.
  defp upload?(name), do: name =~ ".tar.gz."

  @doc "The unfinished deployment, ready to be settled, with its steps in the journal."
  @spec unfinished() :: {:ok, nil | {Context.t(), [map()]}} | {:error, Error.t()}
  def unfinished do
    with true <- files?(),
         :ok <- settle_files(),
         {:ok, %{} = deployment} <- Metadata.unfinished_deployment(),
         {:ok, root} <- Root.fetch() do
      context = %{Context.from_journal(deployment, root) | before: Status.remembered(:before)}
      {:ok, {%{context | rehearsed: Status.remembered(:rehearsed)}, deployment.steps}}
    else
      {:error, error} -> {:error, error}
      _nothing -> {:ok, nil}
    end
  end

  defp files?, do: not Config.get(:skip_file_checks) and Root.release?()

  @doc """
  Whether it goes on with its probation: a release on trial, or one whose switch was handed over by Bloom's old code, that
  nobody has cancelled.
  """
  @spec goes_on?({Context.t(), [map()]}) :: boolean()
  def goes_on?({context, journal}) do
    (Context.mode(context) == :restart or context.facts[:handover] == true) and
      not is_map_key(context.facts, :cancelled) and Steps.Switch in started(context, journal, :run) and
      started(context, journal, :undo) == [] and Steps.Switch.running?(context)
  end

  @doc "Settles it: to the end where that was reached, on where it goes on, else back, if the node is still where it was."
  @spec settle({Context.t(), [map()]}) :: Walk.result()
  def settle({context, journal} = unfinished) do
    # A process that was killed cleans nothing up.
    Native.ok!(Native.archive_sweep(context.root.path))
    context = Report.begin(context, resumed: true)
    started = started(context, journal, :run)
    decisive = Steps.decisive(context.operation)

    cond do
      # What runs may have been made permanent by another hand.
      Enum.any?([decisive, Steps.Switch], &(&1 in started)) and decisive.happened?(context) ->
        decisive |> left(context, journal) |> Walk.complete(context)

      overtaken?(context, started) ->
        SysConfig.restore_all(context.root.path)
        TrialBoot.disarm(context.root.path)
        Walk.set_aside(context, overtaken(context))

      goes_on?(unfinished) ->
        {done, rest} = context.operation |> Steps.of() |> Enum.split_while(&(&1 != Steps.Probation))
        Walk.forward(rest, context, Enum.reverse(done))

      true ->
        context = tried(context)
        Walk.back(Enum.reverse(started), context, interrupted(context, journal))
    end
  end

  # The decisive step, and what of those that follow it the journal does not have as done: each attempt would do them again.
  defp left(decisive, context, journal) do
    done = for %{step: name, phase: :run, result: :ok} <- journal, do: name
    [^decisive | later] = context.operation |> Steps.of() |> Enum.drop_while(&(&1 != decisive))
    [decisive | Enum.reject(later, &(&1.name() in done))]
  end

  # A removal looks itself at what is needed now.
  defp overtaken?(%{operation: :remove}, _started), do: false

  defp overtaken?(%{root: root, version: version}, started) do
    expected = if Steps.Switch in started, do: [root.running, version], else: [root.running]
    running() not in expected
  end

  defp overtaken(%{root: root} = context) do
    Error.new(
      :overtaken,
      "#{context.operation} of release #{context.version} from #{root.running} was left unfinished, and #{running()} " <>
        "runs now, which Bloom has not switched to; nothing of it is undone",
      suggestions: ["look at list_releases and remove what is not wanted; deployments go on from what runs"]
    )
  end

  defp running do
    with {:ok, %{version: version}} <- ReleaseHandler.running(), do: version
  end

  # What undoing it removes the trace of. The failure to keep it is told by the journal's next write.
  defp tried(context) do
    with true <- trial_booted?(context), {:ok, context} <- Context.keep_facts(context, %{trial_booted: true}) do
      context
    else
      _not_tried_or_unwritten -> context
    end
  end

  defp trial_booted?(context),
    do: Context.mode(context) == :restart and TrialBoot.state(context.root.path) == {:booted, context.version}

  @doc """
  The answer of a deployment with nothing left to settle whose process was killed before it could give one, by its id in
  the journal; `nil` where it had not come that far.
  """
  @spec came_of(Metadata.id() | nil) :: :ok | {:error, Error.t()}
  def came_of(id) do
    case id && Metadata.get_deployment(id) do
      {:ok, %{outcome: outcome} = deployment} when outcome != nil -> ended(deployment)
      _not_in_the_history -> {:error, not_begun()}
    end
  end

  defp ended(%{operation: operation, outcome: outcome, reason: reason} = deployment) do
    reason = reason || "see the history"

    cond do
      outcome == Steps.outcome(operation) -> :ok
      outcome == :cancelled -> {:error, Error.new(:cancelled, reason, suggestions: [@history])}
      outcome == :taken_back -> {:error, Error.new(:taken_back, reason, suggestions: [@history])}
      true -> {:error, Error.new(:interrupted, failed(deployment, reason), suggestions: [@history])}
    end
  end

  defp failed(%{operation: operation, version: version}, reason),
    do: "#{operation} of release #{version} failed: #{reason}"

  defp not_begun do
    Error.new(:interrupted, "the deployment was interrupted before it had begun",
      suggestions: [@history, "start it again if it is not there"]
    )
  end

  defp started(context, journal, phase) do
    names = for %{step: name, phase: ^phase} <- journal, do: name
    Enum.filter(Steps.of(context.operation), &(&1.name() in names))
  end

  # A failure that was written down is why; without one, whatever ended the walk.
  defp interrupted(%{facts: %{cancelled: true}}, _journal), do: Error.new(:cancelled, "cancelled")

  defp interrupted(context, journal) do
    case Enum.find(journal, &match?(%{phase: :run, result: {:error, _text}}, &1)) do
      %{result: {:error, text}} ->
        Error.new(:interrupted, text, suggestions: ["mend that, then try again"])

      nil ->
        Error.new(:interrupted, how(context, List.last(journal)),
          suggestions: ["see the node's log for why it ended, then try again"]
        )
    end
  end

  defp how(context, nil), do: "#{context.operation} of release #{context.version} was interrupted before its first step"

  defp how(context, %{step: step}) do
    if is_map_key(context.facts, :trial_booted),
      do: "release #{context.version} did not come up on its trial",
      else: "#{context.operation} of release #{context.version} was interrupted in step #{step}"
  end
end
