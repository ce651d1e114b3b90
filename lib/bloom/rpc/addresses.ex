defmodule Bloom.RPC.Addresses do
  @moduledoc """
  Which addresses are allowed: IPv4 and IPv6 addresses, ranges of them (`"10.0.0.0/8"`, `"fd00::/8"`), and `:local` for
  calls of this node itself.

  An IPv4 address that is written as an IPv6 one (`::ffff:10.0.0.1`) is the IPv4 address.
  """

  import Bitwise

  @type entry :: String.t() | :local
  @type range :: :local | {:inet.ip_address(), 0..128}

  @doc """
  Whether a term is a list of entries.

      iex> Bloom.RPC.Addresses.valid?(["127.0.0.1", "10.0.0.0/8", "::1", :local])
      true
      iex> Bloom.RPC.Addresses.valid?(["10.0.0.0/33"])
      false
  """
  @spec valid?(term()) :: boolean()
  def valid?(entries), do: match?({:ok, _ranges}, parse(entries))

  @doc """
  Entries as ranges.

      iex> Bloom.RPC.Addresses.parse(["10.0.0.1", :local])
      {:ok, [{{10, 0, 0, 1}, 32}, :local]}
      iex> Bloom.RPC.Addresses.parse(["example.org"])
      :error
  """
  @spec parse(term()) :: {:ok, [range()]} | :error
  def parse([]), do: {:ok, []}

  def parse([entry | entries]) do
    with {:ok, range} <- range(entry), {:ok, ranges} <- parse(entries), do: {:ok, [range | ranges]}
  end

  def parse(_no_list), do: :error

  @doc """
  Whether an address is in one of the ranges.

      iex> {:ok, ranges} = Bloom.RPC.Addresses.parse(["10.0.0.0/8"])
      iex> Bloom.RPC.Addresses.member?({10, 1, 2, 3}, ranges)
      true
      iex> Bloom.RPC.Addresses.member?({0, 0, 0, 0, 0, 0xFFFF, 0x0A01, 0x0203}, ranges)
      true
      iex> Bloom.RPC.Addresses.member?({11, 1, 2, 3}, ranges)
      false
  """
  @spec member?(:inet.ip_address() | :local, [range()]) :: boolean()
  def member?(:local, ranges), do: :local in ranges

  def member?(address, ranges) do
    address = plain(address)
    Enum.any?(ranges, &in?(address, &1))
  end

  @doc """
  An address as it is compared and shown: an IPv4 one in any case.

      iex> Bloom.RPC.Addresses.plain({0, 0, 0, 0, 0, 0xFFFF, 0x7F00, 1})
      {127, 0, 0, 1}
  """
  @spec plain(:inet.ip_address()) :: :inet.ip_address()
  def plain({0, 0, 0, 0, 0, 0xFFFF, high, low}), do: {high >>> 8, high &&& 0xFF, low >>> 8, low &&& 0xFF}
  def plain(address), do: address

  defp range(:local), do: {:ok, :local}

  defp range(text) when is_binary(text) do
    case String.split(text, "/") do
      [address] -> with {:ok, address} <- address(address), do: {:ok, whole(address)}
      [address, length] -> with {:ok, address} <- address(address), do: prefix(address, length)
      _more -> :error
    end
  end

  defp range(_other), do: :error

  defp address(text) do
    with {:error, _reason} <- text |> :binary.bin_to_list() |> :inet.parse_strict_address(), do: :error
  end

  defp whole(address) do
    address = plain(address)
    {address, bits(address)}
  end

  defp prefix(address, text) do
    with true <- text =~ ~r/\A\d{1,3}\z/,
         length when length >= 0 <- String.to_integer(text) - (bits(address) - bits(plain(address))),
         true <- length <= bits(plain(address)) do
      {:ok, {plain(address), length}}
    else
      _out_of_range -> :error
    end
  end

  defp in?(address, {range, length}) when tuple_size(address) == tuple_size(range) do
    number(address) >>> (bits(range) - length) == number(range) >>> (bits(range) - length)
  end

  defp in?(_address, _range), do: false

  defp bits(address) when tuple_size(address) == 4, do: 32
  defp bits(_address), do: 128

  defp number(address) do
    width = div(bits(address), tuple_size(address))
    address |> Tuple.to_list() |> Enum.reduce(0, &((&2 <<< width) + &1))
  end
end
