defmodule Bloom.RPC.Canonical do
  @moduledoc """
  Terms as bytes that are the same on every node and every release of Erlang, for digests: each part with its kind and
  its length, so that no two terms have the same bytes.

  | term | bytes |
  | --- | --- |
  | atom | `a`, length, its name |
  | binary | `b`, length, itself |
  | integer | `i`, length, its decimal digits |
  | float | `f`, length, its 64 bits |
  | list | `l`, number of elements, the elements |
  | tuple | `t`, number of elements, the elements |
  | map | `m`, number of pairs, each key with its value, in the order of the keys' bytes |
  | process | `p`, length, the name of its node and its numbers |

  Lengths and numbers of elements have eight bytes, most significant first.
  """

  @doc """
  The bytes of a term, or `:error` where it has a part that has none, such as a function.

      iex> Bloom.RPC.Canonical.encode(:ok)
      {:ok, <<"a", 2::64, "ok">>}
      iex> Bloom.RPC.Canonical.encode([1 | 2])
      :error
  """
  @spec encode(term()) :: {:ok, binary()} | :error
  def encode(term) do
    {:ok, term |> bytes() |> IO.iodata_to_binary()}
  catch
    :has_no_bytes -> :error
  end

  defp bytes(atom) when is_atom(atom), do: part("a", Atom.to_string(atom))
  defp bytes(binary) when is_binary(binary), do: part("b", binary)
  defp bytes(integer) when is_integer(integer), do: part("i", Integer.to_string(integer))
  defp bytes(float) when is_float(float), do: part("f", <<float::float-64>>)
  defp bytes(list) when is_list(list), do: if(List.improper?(list), do: throw(:has_no_bytes), else: many("l", list))
  defp bytes(tuple) when is_tuple(tuple), do: many("t", Tuple.to_list(tuple))
  defp bytes(pid) when is_pid(pid), do: part("p", [Atom.to_string(node(pid)), 0, numbers(pid)])

  defp bytes(map) when is_map(map) do
    pairs = for {key, value} <- Map.to_list(map), do: {IO.iodata_to_binary(bytes(key)), bytes(value)}
    ["m", <<map_size(map)::64>> | for({key, value} <- Enum.sort_by(pairs, &elem(&1, 0)), do: [key, value])]
  end

  defp bytes(_other), do: throw(:has_no_bytes)

  defp part(kind, bytes), do: [kind, <<IO.iodata_length(bytes)::64>>, bytes]
  defp many(kind, terms), do: [kind, <<length(terms)::64>> | Enum.map(terms, &bytes/1)]

  # Id, serial and creation end the external form, whose node is written differently from release to release.
  defp numbers(pid) do
    external = :erlang.term_to_binary(pid)
    binary_part(external, byte_size(external), -12)
  end
end
