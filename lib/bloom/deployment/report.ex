defmodule Bloom.Deployment.Report do
  @moduledoc """
  Tells of a walk while it goes: to whoever listens to `Bloom.Telemetry`, and in the metadata of what is logged.

  What the walking process logs carries `bloom_deployment` (its id), `bloom_version` and `bloom_step`.
  """

  require Logger

  alias Bloom.Deployment.{Context, Status}
  alias Bloom.{Error, ErrorInterpreter, Telemetry}

  @doc "A deployment begins, or goes on in another process or life of the VM."
  @spec begin(Context.t(), resumed: boolean()) :: Context.t()
  def begin(%Context{} = context, resumed: resumed?) do
    Logger.metadata(bloom_deployment: context.id, bloom_version: context.version)
    span = Telemetry.start([:bloom, :deployment], Map.put(Context.summary(context), :resumed, resumed?))
    Status.remember(:span, span)
    %{context | span: span}
  end

  @doc "It has ended, or goes on elsewhere: `outcome` is one of the history's, `:restarting`, `:handed_over` or `:left_open`."
  @spec ended(Context.t(), atom(), String.t() | nil) :: :ok
  def ended(%Context{span: span}, outcome, reason) do
    Status.remember(:span, nil)
    Telemetry.stop(span, %{outcome: outcome, reason: reason})
    Logger.metadata(bloom_step: nil)
  end

  @doc "The process that walked was killed. Told by the server, as nobody else can."
  @spec lost(term()) :: :ok
  def lost(reason) do
    span = Status.remembered(:span)
    Status.remember(:span, nil)
    if span, do: Telemetry.exception(span, :exit, reason, []), else: :ok
  end

  @doc """
  Calls `run/1` or `undo/1` of a step. What it raises, throws or exits with is an error like any other; an error comes with
  the context that the deployment goes on with.
  """
  @spec step(module(), :run | :undo, Context.t()) ::
          {:ok, Context.t()}
          | {:restarting, Context.t()}
          | {:handover, Context.t()}
          | :restarting
          | {:incomplete | :error, Error.t(), Context.t()}
  def step(step, phase, context) do
    Logger.metadata(bloom_step: step.name())
    metadata = Map.merge(Context.summary(context), %{step: step.name(), phase: phase})

    Telemetry.span([:bloom, :step], metadata, fn ->
      answer = answer(apply(step, phase, [context]), context)
      {answer, result(answer)}
    end)
  catch
    kind, reason -> crashed(step, kind, reason, __STACKTRACE__, context)
  end

  @doc "Asks a step whether it happened; for crashes see `step/3`."
  @spec happened?(module(), Context.t()) :: boolean() | {:error, Error.t(), Context.t()}
  def happened?(step, context) do
    step.happened?(context)
  catch
    kind, reason -> crashed(step, kind, reason, __STACKTRACE__, context)
  end

  @doc "Tells of what is taken back: `fun` undoes it, and answers which steps it has undone."
  @spec rollback(Context.t(), Error.t(), (() -> answer)) :: answer
        when answer: {:ok, [module()], Context.t()} | :restarting | {:error, Error.t()}
  def rollback(context, error, fun) do
    Telemetry.span([:bloom, :rollback], Map.put(Context.summary(context), :reason, error.message), fn ->
      answer = fun.()
      {answer, undone(answer)}
    end)
  end

  defp answer(:ok, context), do: {:ok, context}
  defp answer({kind, error}, context) when kind in [:error, :incomplete], do: {kind, error, context}
  defp answer(answer, _context), do: answer

  defp result({_kind, error, _context}), do: %{result: :error, reason: error.message}
  defp result(:restarting), do: %{result: :restarting, reason: nil}
  defp result({result, _context}), do: %{result: result, reason: nil}

  defp undone({:ok, steps, _context}), do: %{result: :ok, error: nil, undone: for(step <- steps, do: step.name())}
  defp undone(:restarting), do: %{result: :restarting, error: nil, undone: []}
  defp undone({:error, error}), do: %{result: :error, error: error.message, undone: []}

  defp crashed(step, kind, reason, stacktrace, context) do
    error = ErrorInterpreter.crash("step #{step.name()}", kind, reason, stacktrace)
    Logger.error("Bloom: step #{step.name()} crashed: #{error.details.crash}")
    {:error, error, context}
  end
end
