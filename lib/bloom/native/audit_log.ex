defmodule Bloom.Native.AuditLog do
  @moduledoc """
  The audit log of an open journal: each row carries the digest of itself and of the row before it, so that a row that is
  changed, removed or put in is found.
  """

  alias Bloom.{Error, Native}

  @typedoc "A row of the log; its time in microseconds since 1970, arguments and result as external terms."
  @type entry :: %{
          at: integer(),
          who: String.t() | nil,
          operation: String.t(),
          arguments: binary(),
          result: binary()
        }

  @typedoc "What a look at the log has found, see `Bloom.Metadata.verify_audit/1`."
  @type verdict :: %{
          rows: non_neg_integer(),
          adopted: non_neg_integer(),
          pending: non_neg_integer(),
          first: pos_integer() | nil,
          head: String.t(),
          fault: %{row: integer(), why: String.t()} | nil
        }

  @doc "Writes a row, chained to the one before, and keeps the last `kept` rows."
  @spec append(Native.store(), entry(), pos_integer()) :: :ok | {:error, Error.t()}
  def append(store, entry, kept) do
    with {:ok, :ok} <- result(Native.nif_store_audit(store, entry, kept)), do: :ok
  end

  @doc "Looks whether the log, of which the last `kept` rows are kept, is as it was written."
  @spec verify(Native.store(), pos_integer()) :: {:ok, verdict()} | {:error, Error.t()}
  def verify(store, kept), do: result(Native.nif_store_verify_audit(store, kept))

  defp result({:ok, value}), do: {:ok, value}
  defp result({:error, error}), do: {:error, Error.from_native(error)}
end
