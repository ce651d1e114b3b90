defmodule Bloom.Deployment.Walk do
  @moduledoc """
  Walks over the steps of a deployment, journal in hand.

  Every step is written down before it starts and after it has ended. Where one fails, what happened is undone in reverse.
  Where the journal cannot be written, nothing new is started; undoing goes on without it, as every step can tell from
  the node itself what there is to undo.

  Where a step has failed and the VM is ending, the next life of the VM undoes what there is to undo then.

  From the decisive step on nothing is undone. What then cannot be done leaves the deployment open: whoever settles it next,
  when the node starts or before the next deployment, goes on with it.
  """

  require Logger

  alias Bloom.{Config, Deployment, Error, ErrorLog, LifecycleManager, Metadata, ReleaseHandler}
  alias Bloom.Deployment.{Context, Failure, Report, Status, Steps}

  @type result :: :ok | :handover | {:ok, :restarting} | {:error, Error.t()}

  @doc "Starts a deployment in the journal and walks to its end."
  @spec run(Context.t(), String.t()) :: result()
  def run(%Context{} = context, requested_by) do
    context = Context.put_facts(context, %{opts: context.opts})

    deployment = %{
      operation: context.operation,
      version: context.version,
      from_version: context.root.running,
      requested_by: requested_by,
      facts: context.facts
    }

    with {:ok, id} <- Metadata.start_deployment(deployment) do
      # For whoever has to answer when this process is killed.
      Status.remember(:deployment, id)
      forward(Steps.of(context.operation), Report.begin(%{context | id: id}, resumed: false), [])
    end
  end

  @doc "Goes on with `steps`, after `done` (latest first) have been done."
  @spec forward([module()], Context.t(), [module()]) :: result()
  def forward([], context, _done), do: ended(context)

  def forward([step | rest], context, done) do
    if step.needed?(context), do: walk(step, rest, context, done), else: forward(rest, context, done)
  end

  @doc "Does the decisive step again, which has happened or begun to, and what follows it; undoes nothing."
  @spec complete([module()], Context.t()) :: result()
  # What is left of a removal is swept by the next one, and no reason to refuse everything until then.
  def complete(steps, %Context{operation: :remove} = context), do: forward(steps, context, [])
  def complete([decisive | _rest] = steps, context), do: forward(steps, context, [decisive])

  defp walk(step, rest, context, done) do
    Status.stage(step.name())

    with :ok <- not_cancelled(context, done),
         {:ok, entry} <- Metadata.start_step(context.id, step.name(), :run) do
      case Report.step(step, :run, context) do
        {:ok, context} ->
          end_step(step, rest, context, done, entry)

        {:restarting, context} ->
          restarting(context)

        {:handover, context} ->
          hand_over(step, context, done, entry)

        {:incomplete, error, context} ->
          journal(Metadata.finish_step(entry, {:error, Error.in_full(error)}, context.facts))
          forward(rest, %{context | left: error}, [step | done])

        {:error, error, context} ->
          context = Context.recall(context)
          journal(Metadata.finish_step(entry, {:error, Error.in_full(error)}, context.facts))
          failed(step, rest, context, done, error)
      end
    else
      {:error, error} -> if decided?(context, done), do: leave_open(context, error), else: back(done, context, error)
    end
  end

  defp failed(step, rest, context, done, error) do
    cond do
      ReleaseHandler.vm_ending?() -> ending(context, error)
      not decided?(context, done) -> back([step | done], context, error)
      # The decisive one, done again.
      step in done -> leave_open(context, error)
      true -> go_on(rest, context, done, error)
    end
  end

  # The journal has the failure, and no end of the deployment yet.
  defp ending(context, error) do
    ErrorLog.write(:error, "#{context.operation} of release #{context.version} failed, and the VM ends", error)
    Deployment.answer({:error, error})
    restarting(context)
  end

  # The history gets no end of it.
  defp leave_open(context, error) do
    error = Failure.not_complete(error, context)
    ErrorLog.write(:error, "a deployment is left open", error)
    Report.ended(context, :left_open, error.message)
    {:error, error}
  end

  # After the last step, or the decisive one, there is no going back: whoever comes next finds it done.
  defp end_step(step, rest, context, done, entry) do
    done = [step | done]
    result = Metadata.finish_step(entry, :ok, context.facts)

    if result == :ok or rest == [] or decided?(context, done) do
      journal(result)
      forward(rest, context, done)
    else
      {:error, error} = result
      back(done, context, error)
    end
  end

  defp decided?(context, done), do: Steps.decisive(context.operation) in done

  # The release is what it is to be: what fails now is told, and does not keep the steps after it from being done.
  defp go_on(rest, context, done, error), do: forward(rest, late(context, error), done)

  defp late(context, error) do
    ErrorLog.write(:error, "#{context.operation} of release #{context.version} is not complete", error)
    %{context | late: context.late || error}
  end

  # What came after it did not have to wait for it.
  defp ended(%Context{left: %Error{} = error} = context), do: leave_open(context, error)

  defp ended(%Context{late: late} = context) do
    outcome = Steps.outcome(context.operation)
    finish(context, outcome, if(late, do: Failure.noted(late, context).message, else: Context.notes_text(context)))
    Logger.info("Bloom: #{context.operation} of release #{context.version} ended: #{outcome}")
    # Only now does the history know what a rollback goes back to.
    if outcome == :committed and not Config.get(:skip_file_checks),
      do: LifecycleManager.auto_cleanup(%{context.root | running: context.version})

    if late, do: {:error, late}, else: :ok
  end

  defp hand_over(step, context, done, entry) do
    case Metadata.finish_step(entry, :ok, context.facts) do
      :ok -> handed_over(context)
      {:error, error} -> back([step | done], context, error)
    end
  end

  defp handed_over(context) do
    Report.ended(context, :handed_over, nil)
    :handover
  end

  defp restarting(context) do
    Report.ended(context, :restarting, nil)
    {:ok, :restarting}
  end

  @doc "Undoes what happened of `steps`, latest first, and ends the deployment with `error`."
  @spec back([module()], Context.t(), Error.t()) :: result()
  def back(steps, context, error) do
    Status.stage(:undo)
    ErrorLog.write(:error, "#{context.operation} of release #{context.version} is undone", error)
    again? = error.code == :interrupted or is_map_key(context.facts, :cancelled)
    context = keep_why(context, error)

    case Report.rollback(context, error, fn -> undo(steps, context, []) end) do
      {:ok, undone, context} ->
        # What ended the VM took the switch back with it.
        switched = if again?, do: steps, else: undone
        give_up(context, Failure.told(error, Steps.Switch in switched, context))

      :restarting ->
        restarting(context)

      {:error, undo_error} ->
        context = Context.recall(context)
        error = Failure.not_undone(error, undo_error, context)
        Failure.alert(error, context)
        give_up(context, error)
    end
  end

  @doc "Ends a deployment with `error` as it is: what the node has become since is not its to undo."
  @spec set_aside(Context.t(), Error.t()) :: result()
  def set_aside(context, error) do
    ErrorLog.write(:error, "#{context.operation} of release #{context.version} is set aside", error)
    give_up(context, error)
  end

  # A trial is taken back by a restart, and the next life of the VM could not tell it from one that failed.
  defp keep_why(context, %Error{code: :cancelled}) do
    case Context.keep_facts(context, %{cancelled: true}) do
      {:ok, context} ->
        context

      {:error, _error} = unwritten ->
        journal(unwritten)
        context
    end
  end

  defp keep_why(context, _error), do: context

  # Until its end is written down, whoever comes next does this again.
  defp give_up(context, error) do
    outcome = Failure.outcome(error)
    context = failure_hooks(%{context | failure: %{outcome: outcome, reason: Failure.reason(error, context)}})
    finish(context, outcome, Failure.reason(error, context))
    {:error, Failure.noted(error, context)}
  end

  defp failure_hooks(context) do
    step = Steps.FailureHooks
    if step.needed?(context), do: run_failure_hooks(step, context), else: context
  end

  defp run_failure_hooks(step, context) do
    Status.stage(step.name())
    entry = Metadata.start_step(context.id, step.name(), :run)

    {result, context} =
      case Report.step(step, :run, context) do
        {:ok, context} -> {:ok, context}
        {:error, error, context} -> {{:error, error.message}, context}
      end

    with {:ok, entry} <- entry, do: journal(Metadata.finish_step(entry, result, context.facts))
    context
  end

  defp undo([], context, undone), do: {:ok, undone, context}

  defp undo([step | rest], context, undone) do
    with true <- Report.happened?(step, context),
         {:ok, context} <- undo_step(step, context) do
      undo(rest, context, [step | undone])
    else
      false -> undo(rest, context, undone)
      :restarting -> :restarting
      {:error, error, _context} -> {:error, error}
    end
  end

  defp undo_step(step, context) do
    entry = Metadata.start_step(context.id, step.name(), :undo)
    result = Report.step(step, :undo, context)

    with {:ok, entry} <- entry do
      case result do
        {:ok, context} -> journal(Metadata.finish_step(entry, :ok, context.facts))
        {:error, error, _context} -> journal(Metadata.finish_step(entry, {:error, error.message}, nil))
        :restarting -> :ok
      end
    end

    if match?({:error, _error, _context}, result) and ReleaseHandler.vm_ending?(), do: :restarting, else: result
  end

  defp not_cancelled(context, done) do
    if Status.cancelled?() and not decided?(context, done),
      do: {:error, Error.new(:cancelled, "cancelled; nothing was changed")},
      else: :ok
  end

  defp finish(context, outcome, reason) do
    journal(Metadata.finish_deployment(context.id, outcome, reason))
    Report.ended(context, outcome, reason)
  end

  # What could not be written is settled from the node itself when Bloom starts, or before the next deployment.
  defp journal(:ok), do: :ok
  defp journal({:error, error}), do: ErrorLog.write(:error, "the journal could not be written", error)
end
