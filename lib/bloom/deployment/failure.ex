defmodule Bloom.Deployment.Failure do
  @moduledoc "What is said of a deployment that came to nothing, and who is told."

  alias Bloom.{Config, Error, ErrorLog}
  alias Bloom.Deployment.Context

  @doc "Why it failed, for people; `switched?` says whether the target ran meanwhile and was taken back."
  @spec told(Error.t(), boolean(), Context.t()) :: Error.t()
  def told(error, false, _context), do: error

  def told(%Error{code: :cancelled} = error, true, context) do
    %{error | message: "cancelled: release #{context.version} was taken back, #{context.root.running} runs"}
  end

  def told(error, true, context) do
    Error.new(
      :taken_back,
      "release #{context.version} was taken back, #{context.root.running} runs: #{Error.in_full(error)}",
      details: error.details,
      suggestions: ["fix the release and install it again"]
    )
  end

  @doc "With what the steps have noted; beside a message that is kept to the letter."
  @spec noted(Error.t(), Context.t()) :: Error.t()
  def noted(error, context) do
    case Context.notes_text(context) do
      nil -> error
      text -> if Error.promised?(error), do: beside(error, text), else: %{error | message: "#{error.message}; #{text}"}
    end
  end

  defp beside(error, text), do: %{error | suggestions: error.suggestions ++ [text]}

  @doc "Why it failed, for the history: all of it."
  @spec reason(Error.t(), Context.t()) :: String.t()
  def reason(error, context), do: Enum.join([Error.in_full(error) | List.wrap(Context.notes_text(context))], "; ")

  @doc "It failed, and what it did could not be undone."
  @spec not_undone(Error.t(), Error.t(), Context.t()) :: Error.t()
  def not_undone(error, undo_error, context) do
    Error.new(
      :take_back_failed,
      "#{context.operation} of release #{context.version} failed (#{Error.in_full(error)}) and could not be undone: " <>
        undo_error.message,
      suggestions: undo_error.suggestions ++ ["restart the node: #{context.root.running} is still permanent and boots"]
    )
  end

  @doc "It has taken effect, and what is left of it could not be done."
  @spec not_complete(Error.t(), Context.t()) :: Error.t()
  def not_complete(error, context) do
    Error.new(
      :not_settled,
      "#{context.operation} of release #{context.version} took effect and could not be completed: #{Error.in_full(error)}",
      suggestions:
        error.suggestions ++
          [
            "mend that: the next deployment or start of the node completes it first",
            "until then a cleanup is all that is let in"
          ]
    )
  end

  @doc "The outcome that the history keeps."
  @spec outcome(Error.t()) :: :cancelled | :taken_back | :failed
  def outcome(%Error{code: :cancelled}), do: :cancelled
  def outcome(%Error{code: :taken_back}), do: :taken_back
  def outcome(_error), do: :failed

  @doc "Calls for help, by the log and the option `rollback_failure_callback`."
  @spec alert(Error.t(), Context.t()) :: :ok
  def alert(error, context) do
    ErrorLog.write(:critical, "a release could not be taken back", error)
    details = Map.merge(Map.take(error, [:code, :message]), about(context))
    if callback = Config.get(:rollback_failure_callback), do: spawn(fn -> call(callback, details) end)
    :ok
  end

  defp about(context), do: %{operation: context.operation, version: context.version, running: context.root.running}

  defp call({module, function, arguments}, details), do: apply(module, function, [details | arguments])
  defp call(callback, details), do: callback.(details)
end
