defmodule Bloom.RPC.Nonces do
  @moduledoc """
  Which tokens were used: their nonces, in the journal until they have expired, so that a restart forgets none.
  """

  alias Bloom.Error
  alias Bloom.Metadata.Store
  alias Bloom.RPC.Token

  # At least so long, for when somebody allows tokens more time meanwhile.
  @kept_s 3600

  @doc "Uses a token up, at a time in seconds since 1970, unless it was used before."
  @spec use_up(Token.verified(), integer()) :: :ok | {:error, Error.t()}
  def use_up(%{nonce: nonce, expires_at: expires_at}, now) do
    forget = {"DELETE FROM nonces WHERE expires_at < ?1", [now]}

    keep =
      {"INSERT INTO nonces (nonce, expires_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING RETURNING expires_at",
       [{:blob, nonce}, max(expires_at, now + @kept_s)]}

    case Store.transaction([forget, keep]) do
      {:ok, [[], [[_expires_at]]]} -> :ok
      {:ok, [[], []]} -> {:error, replayed()}
      {:error, error} -> {:error, error}
    end
  end

  defp replayed do
    Error.new(:token_replayed, "the token was used before",
      suggestions: [
        "make a new one for each call; if nobody did this by mistake, somebody has read along: change the secret"
      ]
    )
  end
end
