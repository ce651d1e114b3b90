defmodule Bloom.Deployment.Hooks do
  @moduledoc """
  Runs the hooks of a kind in the course of a deployment.

  Each is in the journal as soon as it has ended, in the facts of the deployment. One that was running when the VM ended is
  called again where recovery comes to its kind again, but not for ever: it may be what ends the VM.
  """

  require Logger

  alias Bloom.{Config, Error, ErrorLog, Metadata}
  alias Bloom.Deployment.{Boot, Context, Status}
  alias Bloom.Hook.{Entry, Runner}

  @operations [:switch, :rollback]
  @steps %{after: :after_hooks, failure: :failure_hooks}

  # How often a kind is begun without an end in the journal.
  @lives 3

  @doc "Whether there are any for this deployment, or something that is none and has to be told."
  @spec any?(Context.t(), Bloom.Hook.kind()) :: boolean()
  def any?(%Context{operation: operation}, kind), do: operation in @operations and entries(kind) != {:ok, []}

  @doc "Runs them up to the first that fails, or until the deployment is cancelled."
  @spec run_all(Context.t(), :before) :: {:ok, Context.t()} | {:error, Error.t()}
  def run_all(context, kind) do
    case entries(kind) do
      {:ok, entries} -> Enum.reduce_while(entries, {:ok, context}, &run_next(&1, &2, kind))
      {:error, problem} -> {:error, Error.new(:hook_failed, problem, suggestions: ["correct config :bloom, hooks"])}
    end
  end

  # The walk asks again before its next step.
  defp run_next(entry, {:ok, context}, kind) do
    if Status.cancelled?(), do: {:halt, {:ok, context}}, else: run_kept(entry, context, kind)
  end

  defp run_kept(entry, context, kind) do
    record = Runner.run(entry, info(context, kind))

    case Context.keep_facts(context, with_record(context, record)) do
      {:ok, context} -> judge(record, context)
      {:error, error} -> {:halt, {:error, error}}
    end
  end

  defp judge(%{result: :ok}, context), do: {:cont, {:ok, context}}

  # A failure that nobody waits for any more is none of the deployment's, which ends as cancelled.
  defp judge(%{result: {:error, why}} = record, context) do
    if Status.cancelled?(), do: {:halt, {:ok, context}}, else: {:halt, {:error, failed(record, why)}}
  end

  @doc "Runs every one of them, in a node that runs; what fails is noted."
  @spec run_each(Context.t(), :after | :failure) :: Context.t()
  def run_each(context, kind) do
    if begun(context, kind) > @lives do
      note(
        context,
        "the #{kind} hooks were begun #{@lives} times and never came to their end, so they are not called again"
      )
    else
      run_these(context, kind)
    end
  end

  # This time included. Where the journal cannot be read, the hooks come first.
  defp begun(context, kind) do
    case Metadata.get_deployment(context.id) do
      {:ok, %{steps: steps}} -> Enum.count(steps, &(&1.step == @steps[kind] and &1.result == nil))
      {:error, _unreadable} -> 0
    end
  end

  defp run_these(context, kind) do
    Boot.await_started()

    case entries(kind) do
      {:ok, entries} -> Enum.reduce(entries, context, &run_noted(&1, &2, kind))
      {:error, problem} -> note(context, problem)
    end
  end

  defp run_noted(entry, context, kind) do
    record = Runner.run(entry, info(context, kind))
    context = keep(context, with_record(context, record))

    case record.result do
      :ok -> context
      {:error, why} -> note(context, failed(record, why).message)
    end
  end

  # What cannot be written is known to this walk, at least.
  defp keep(context, facts) do
    case Context.keep_facts(context, facts) do
      {:ok, context} ->
        context

      {:error, error} ->
        ErrorLog.write(:error, "the journal could not be written", error)
        Context.put_facts(context, facts)
    end
  end

  defp entries(kind) do
    hooks = Config.get(:hooks)
    with :ok <- Config.validate(:hooks, hooks), do: {:ok, Entry.of(hooks, kind)}
  end

  defp info(context, kind) do
    failure = context.failure || %{outcome: nil, reason: nil}
    context |> Context.summary() |> Map.put(:kind, kind) |> Map.merge(failure)
  end

  defp with_record(%{facts: facts}, record), do: %{hooks: Map.get(facts, :hooks, []) ++ [record]}

  defp note(context, text) do
    Logger.error("Bloom: #{text}")
    Context.note(context, text)
  end

  defp failed(%{hook: hook, kind: kind, attempts: attempts}, why) do
    times = if attempts > 1, do: " (the last of #{attempts} attempts)", else: ""

    Error.new(:hook_failed, "the #{kind} hook #{hook} failed: #{why}#{times}",
      suggestions: ["see the node's log for what it did, mend it or take it out of config :bloom, hooks"]
    )
  end
end
