defmodule Bloom.CLI.Remote do
  @moduledoc "The node that is asked, and the asking: every question goes through `Bloom.RPC.call/3` there."

  alias Bloom.CLI.Output
  alias Bloom.ErrorInterpreter
  alias Bloom.RPC.Token

  @enforce_keys [:node, :ask]
  defstruct [:node, :ask]

  @typedoc "`ask` calls an operation with its arguments."
  @type t :: %__MODULE__{node: node(), ask: (atom(), [term()] -> answer())}

  @type answer :: :ok | {:ok, term()} | {:error, Output.error()}

  @doc """
  A node that this one is connected to.

      iex> remote = Bloom.CLI.Remote.new(node())
      iex> Bloom.CLI.Remote.call(remote, :status)
      {:ok, :idle}
  """
  @spec new(node()) :: t()
  def new(node), do: %__MODULE__{node: node, ask: &ask(node, &1, &2)}

  @doc """
  Calls an operation of `Bloom.RPC` and waits for its answer, however long it takes.

  Where no answer comes the code of the error is `:unreachable`.
  """
  @spec call(t(), atom(), [term()]) :: answer()
  def call(%__MODULE__{ask: ask}, operation, arguments \\ []), do: ask.(operation, arguments)

  @doc """
  Whether an error says that Bloom is not there. A node that boots has its distribution before Bloom, and one that stops
  has it longer.

      iex> Bloom.CLI.Remote.away?(%{code: :not_started, message: "", suggestions: []})
      true
      iex> Bloom.CLI.Remote.away?(%{code: :token_missing, message: "", suggestions: []})
      false
  """
  @spec away?(Output.error()) :: boolean()
  def away?(%{code: code}), do: code in [:unreachable, :not_started]

  defp ask(node, operation, arguments) do
    :erpc.call(node, Bloom.RPC, :call, [operation, arguments, token(node, operation, arguments)], :infinity)
  catch
    :error, {:erpc, _reason} -> {:error, unreachable(node)}
    :error, {:exception, :undef, _stack} -> {:error, no_rpc(node)}
    _kind, reason -> {:error, broken(node, reason)}
  end

  defp token(node, operation, arguments) do
    case System.get_env("BLOOM_SECRET", "") do
      "" -> nil
      secret -> Token.create(operation, arguments, secret: secret, node: node)
    end
  end

  @doc "The error of a node that does not answer."
  @spec unreachable(node()) :: Output.error()
  def unreachable(node) do
    %{
      code: :unreachable,
      message: "node #{node} does not answer",
      suggestions: [
        "see whether it runs, under this name (RELEASE_NODE, RELEASE_DISTRIBUTION) and with this cookie (RELEASE_COOKIE)"
      ]
    }
  end

  defp no_rpc(node) do
    %{
      code: :unreachable,
      message: "the release that runs on #{node} has no Bloom that can be asked",
      suggestions: ["deploy a release with this Bloom from its remote shell, see Bloom.ReleaseManager"]
    }
  end

  @doc "The error of a call that broke off."
  @spec broken(node(), term()) :: Output.error()
  def broken(node, reason) do
    why = ErrorInterpreter.interpret(reason).message
    %{code: :call_failed, message: "the call broke off on #{node}: #{why}", suggestions: ["see the log of the node"]}
  end
end
