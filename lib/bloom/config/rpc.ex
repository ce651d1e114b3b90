defmodule Bloom.Config.RPC do
  @moduledoc "The options of who may call `Bloom.RPC`, a part of the schema of `Bloom.Config`."

  alias Bloom.RPC.Addresses

  # Of a token's secret, in bytes.
  @shortest 16

  @schema [
    require_authentication: [
      type: :boolean,
      default: false,
      doc: "Whether each call of `Bloom.RPC` needs a token, see `Bloom.RPC.Token`."
    ],
    shared_secret: [
      type: :string,
      default: nil,
      secret: true,
      doc: "What tokens are made with, 16 bytes at least."
    ],
    previous_shared_secret: [
      type: :string,
      default: nil,
      secret: true,
      doc: "The secret before that one, whose tokens are still taken while the new one is brought to all callers."
    ],
    allowed_ips: [
      type: {:custom, Addresses, :valid?, "a list of IP addresses, ranges such as \"10.0.0.0/8\", and :local"},
      default: nil,
      doc: "Where calls of `Bloom.RPC` may come from: addresses, ranges, `:local` for this node. Default: anywhere."
    ],
    rpc_clock_skew_s: [
      type: :pos_integer,
      default: 60,
      doc: "How far the clocks of a caller and of the node may be apart, in seconds; a token is good for as long."
    ],
    rpc_max_failures: [
      type: :pos_integer,
      default: 5,
      doc: "How many wrong tokens an address may send in `rpc_failure_window_s` before it has to wait."
    ],
    rpc_failure_window_s: [
      type: :pos_integer,
      default: 60,
      doc: "How long a wrong token counts, in seconds."
    ]
  ]

  @doc "This part of the schema."
  @spec schema() :: keyword()
  def schema, do: @schema

  @doc """
  What is wrong with the secrets of an environment of the `:bloom` application where they are needed.

      iex> Bloom.Config.RPC.problems(require_authentication: true)
      ["config :bloom, :require_authentication needs a :shared_secret of 16 bytes at least"]
      iex> Bloom.Config.RPC.problems(require_authentication: true, shared_secret: "short")
      ["config :bloom, :shared_secret has 5 bytes and needs 16 at least, see the guide on security for how to make one"]
      iex> Bloom.Config.RPC.problems([])
      []
  """
  @spec problems(keyword()) :: [String.t()]
  def problems(env) do
    case env[:require_authentication] do
      true -> missing(env[:shared_secret]) ++ short(env)
      _no_tokens -> []
    end
  end

  defp missing(nil),
    do: ["config :bloom, :require_authentication needs a :shared_secret of #{@shortest} bytes at least"]

  defp missing(_there), do: []

  defp short(env) do
    for option <- [:shared_secret, :previous_shared_secret], secret = env[option], is_binary(secret), short?(secret) do
      "config :bloom, #{inspect(option)} has #{byte_size(secret)} bytes and needs #{@shortest} at least, " <>
        "see the guide on security for how to make one"
    end
  end

  @doc """
  Whether a secret is too short to be one.

      iex> Bloom.Config.RPC.short?("your-secret-key")
      true
  """
  @spec short?(String.t()) :: boolean()
  def short?(secret), do: byte_size(secret) < @shortest
end
