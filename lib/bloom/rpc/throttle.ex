defmodule Bloom.RPC.Throttle do
  @moduledoc """
  Counts wrong tokens by the address that they came from, and has that address wait after too many.

  Only wrong tokens count, which may be guesses of the secret: none at all, one that is too old and one that was used
  before are refused and forgotten. While an address waits, nothing of it is looked at, a good token neither. The table belongs to
  Bloom's supervisor, so what crashes below it forgives nobody.
  """

  alias Bloom.{Config, Error}
  alias Bloom.RPC.Origin

  @doc "Makes the table, which belongs to the caller; leaves one that is there."
  @spec create() :: :ok
  def create do
    if :ets.whereis(__MODULE__) == :undefined, do: :ets.new(__MODULE__, [:named_table, :public, :duplicate_bag])
    :ok
  end

  @doc "Whether an origin may try, or how long it has to wait."
  @spec check(Origin.t()) :: :ok | {:error, Error.t()}
  def check(%Origin{address: address}) do
    failures = for {_address, at} <- :ets.lookup(__MODULE__, address), at > now() - window(), do: at

    if length(failures) < Config.get_valid(:rpc_max_failures), do: :ok, else: {:error, limited(Enum.sort(failures))}
  end

  @doc "Counts a failure of an origin."
  @spec failed(Origin.t()) :: :ok
  def failed(%Origin{address: address}) do
    :ets.select_delete(__MODULE__, [{{:_, :"$1"}, [{:"=<", :"$1", now() - window()}], [true]}])
    :ets.insert(__MODULE__, {address, now()})
    :ok
  end

  defp limited(failures) do
    # The oldest of those that are one too many has to be over.
    last = Enum.at(failures, length(failures) - Config.get_valid(:rpc_max_failures))
    wait = div(max(last + window() - now(), 1) + 999, 1000)

    Error.new(:rate_limited, "too many wrong tokens came from there, the next one is looked at in #{wait} s",
      details: %{wait_s: wait},
      suggestions: ["wait so long, and find out who sends wrong tokens: see Bloom.Metadata.get_audit()"]
    )
  end

  defp window, do: Config.get_valid(:rpc_failure_window_s) * 1000
  defp now, do: System.monotonic_time(:millisecond)
end
