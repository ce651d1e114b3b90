defmodule Bloom.RPC.Token do
  @moduledoc """
  Tokens, which show that a caller of `Bloom.RPC` knows the shared secret.

      token = Bloom.RPC.Token.create(:install, ["1.2.3"], secret: secret, node: :"my_app@10.0.0.5")
      :rpc.call(:"my_app@10.0.0.5", Bloom.RPC, :install_release, ["1.2.3", token])

  A token is for one operation with its arguments on one node, once, and for as long as `rpc_clock_skew_s`. It is

      "bloom1." <> base64url(time <> nonce <> mac), without padding

  where `time` is in seconds since 1970 (8 bytes, most significant first), `nonce` 16 random bytes, and `mac` the HMAC-SHA256
  with the secret over the bytes of `{"bloom rpc token 1", node, operation, arguments, time, nonce}` as
  `Bloom.RPC.Canonical` has them; `node` and `operation` are text in it. The arguments are those of `Bloom.RPC.call/3`;
  the other functions of `Bloom.RPC` have them without the token.
  """

  alias Bloom.{Config, Error}
  alias Bloom.RPC.Canonical

  @prefix "bloom1."

  @typedoc "A token that was good, as far as it can be told without knowing which ones were used before."
  @type verified :: %{nonce: binary(), expires_at: integer()}

  @doc """
  Makes a token.

  Needs `secret:` and `node:`, the name of the node that is called. `time:` and `nonce:` are now and random where they are
  not given, as here, for who makes tokens in another language and wants to compare:

      iex> Bloom.RPC.Token.create(:switch, ["1.2.3", [mode: :hot]],
      ...>   secret: "a secret of enough bytes",
      ...>   node: "my_app@10.0.0.5",
      ...>   time: 1_700_000_000,
      ...>   nonce: "0123456789abcdef"
      ...> )
      "bloom1.AAAAAGVT8QAwMTIzNDU2Nzg5YWJjZGVmpyIeDtIEcP38W8UdMKTL98f44SjOf8uqQcm7aUJb-p0"
  """
  @spec create(atom(), [term()],
          secret: String.t(),
          node: node() | String.t(),
          time: non_neg_integer(),
          nonce: <<_::128>>
        ) :: String.t()
  def create(operation, arguments, opts) do
    time = Keyword.get(opts, :time, System.os_time(:second))
    nonce = Keyword.get_lazy(opts, :nonce, fn -> :crypto.strong_rand_bytes(16) end)
    secret = Keyword.fetch!(opts, :secret)

    case message(to_string(Keyword.fetch!(opts, :node)), operation, arguments, time, nonce) do
      {:ok, message} ->
        @prefix <> Base.url_encode64(<<time::64, nonce::binary, mac(secret, message)::binary>>, padding: false)

      :error ->
        raise ArgumentError, "arguments of a call are plain data, got: #{inspect(arguments)}"
    end
  end

  @doc """
  Whether a token is good for a call of this node, with one of the secrets, at a time in seconds since 1970.

  Whether it was used before is for `Bloom.RPC.Nonces` to say.
  """
  @spec verify(term(), term(), term(), [String.t()], integer()) :: {:ok, verified()} | {:error, Error.t()}
  def verify(token, operation, arguments, secrets, now)

  def verify(nil, _operation, _arguments, _secrets, _now) do
    {:error,
     Error.new(:token_missing, "this node asks for a token, and the call has none",
       suggestions: [
         "make one with Bloom.RPC.Token.create/3 and the node's shared secret, or set BLOOM_SECRET for bin/bloom"
       ]
     )}
  end

  def verify(token, operation, arguments, secrets, now) do
    with {:ok, time, nonce, mac} <- parse(token),
         {:ok, message} <- message(Atom.to_string(node()), operation, arguments, time, nonce),
         true <- any?(secrets, message, mac) do
      check_time(time, nonce, now)
    else
      _wrong -> {:error, invalid()}
    end
  end

  defp parse(@prefix <> encoded) do
    case Base.url_decode64(encoded, padding: false) do
      {:ok, <<time::64, nonce::binary-size(16), mac::binary-size(32)>>} -> {:ok, time, nonce, mac}
      _other -> :error
    end
  end

  defp parse(_other), do: :error

  defp message(node, operation, arguments, time, nonce) when is_atom(operation) do
    Canonical.encode({"bloom rpc token 1", node, Atom.to_string(operation), arguments, time, nonce})
  end

  defp message(_node, _operation, _arguments, _time, _nonce), do: :error

  # Every secret is tried, so that the time it takes says nothing about which one fits.
  defp any?(secrets, message, mac) do
    secrets |> Enum.map(&:crypto.hash_equals(mac(&1, message), mac)) |> Enum.any?()
  end

  defp mac(secret, message), do: :crypto.mac(:hmac, :sha256, secret, message)

  defp check_time(time, nonce, now) do
    skew = Config.get_valid(:rpc_clock_skew_s)

    if abs(now - time) <= skew do
      {:ok, %{nonce: nonce, expires_at: time + skew}}
    else
      {:error, expired(now - time, skew)}
    end
  end

  defp invalid do
    Error.new(:token_invalid, "the token does not fit this call: another secret, node, operation or other arguments",
      suggestions: [
        "compare the secret with config :bloom, shared_secret of the node, and make a token for this very call"
      ]
    )
  end

  defp expired(age, skew) do
    message =
      if age > 0,
        do: "the token was made #{age} s ago, and #{skew} s are allowed",
        else: "the token is #{-age} s ahead of this node's clock, and #{skew} s are allowed"

    Error.new(:token_expired, message,
      suggestions: ["make a new one for each call, and set the clocks by NTP, or raise config :bloom, rpc_clock_skew_s"]
    )
  end
end
