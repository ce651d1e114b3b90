defmodule Bloom.Audit do
  @moduledoc "Writes into the audit log of `Bloom.Metadata` who asked for what, and what was answered."

  alias Bloom.{Error, ErrorLog, Metadata}
  alias Bloom.ErrorInterpreter.Words
  alias Bloom.RPC.Origin

  @doc """
  Runs `fun`, writes what it has answered, and answers that.

  A log that cannot be written stops nobody: the node's own log says so.
  """
  @spec run(String.t(), atom(), [term()], (() -> answer)) :: answer when answer: term()
  def run(who, operation, arguments, fun) do
    answer = fun.()
    write(who, operation, arguments, answer)
    answer
  end

  @doc "Writes one entry."
  @spec write(String.t(), atom() | String.t(), [term()], term()) :: :ok
  def write(who, operation, arguments, answer) do
    entry = %{who: who, operation: operation, arguments: arguments, result: text(answer)}

    with {:error, error} <- Metadata.audit(entry) do
      ErrorLog.write(:error, "the audit log could not be written", error)
    end
  end

  @doc """
  Who the calling process is, in words: the node that its work comes from, see `Bloom.RPC.Origin`, or what it is in this one.
  """
  @spec who() :: String.t()
  def who do
    case Origin.of(self()) do
      %Origin{address: :local} -> "#{Words.process(self())} of this node"
      %Origin{node: nil} = origin -> "#{Words.process(self())} of #{Origin.describe(origin)}"
      origin -> Origin.describe(origin)
    end
  end

  defp text({:error, %Error{} = error}), do: Error.to_message(error)
  defp text({:error, text}) when is_binary(text), do: text
  defp text(answer), do: inspect(answer)
end
