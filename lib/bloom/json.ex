defmodule Bloom.JSON do
  @moduledoc """
  Plain data as JSON, for machines that read what Bloom says.

  Only writes. Keys of maps are sorted, so that the same data is the same text.
  """

  @typedoc "What can be written. Tuples become arrays; atoms text, but for `nil`, `true` and `false`."
  @type plain ::
          nil
          | boolean()
          | number()
          | atom()
          | String.t()
          | [plain()]
          | tuple()
          | DateTime.t()
          | %{optional(atom() | String.t() | integer()) => plain()}

  @doc """
  The JSON text of plain data, in one line.

  Bytes that are no UTF-8 become U+FFFD. Control characters are escaped, so that a text from outside does nothing to a
  terminal. Raises `ArgumentError` for what is no plain data, as a pid or a function.

      iex> Bloom.JSON.encode(%{version: "1.1.0", decision: :hot, steps: [{"plan", 12}], reason: nil})
      ~S({"decision":"hot","reason":null,"steps":[["plan",12]],"version":"1.1.0"})
      iex> Bloom.JSON.encode("a \\"quote\\",\\n a \\e and a " <> <<0xFF>>)
      ~S("a \\"quote\\",\\n a \\u001B and a �")
  """
  @spec encode(plain()) :: String.t()
  def encode(data), do: data |> value() |> IO.iodata_to_binary()

  defp value(nil), do: "null"
  defp value(true), do: "true"
  defp value(false), do: "false"
  defp value(atom) when is_atom(atom), do: atom |> Atom.to_string() |> string()
  defp value(text) when is_binary(text), do: string(text)
  defp value(number) when is_integer(number), do: Integer.to_string(number)
  defp value(number) when is_float(number), do: Float.to_string(number)
  defp value(%DateTime{} = time), do: time |> DateTime.to_iso8601() |> string()
  defp value(%_struct{} = struct), do: refuse(struct)
  defp value(list) when is_list(list), do: ["[", list |> Enum.map(&value/1) |> Enum.intersperse(","), "]"]
  defp value(tuple) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> value()

  defp value(map) when is_map(map) do
    members = for {key, value} <- map, do: {key(key), value}
    ["{", members |> List.keysort(0) |> Enum.map(&member/1) |> Enum.intersperse(","), "}"]
  end

  defp value(other), do: refuse(other)

  defp member({key, value}), do: [string(key), ":", value(value)]

  defp key(key) when is_binary(key), do: key
  defp key(key) when is_atom(key), do: Atom.to_string(key)
  defp key(key) when is_integer(key), do: Integer.to_string(key)
  defp key(key), do: refuse(key)

  defp refuse(term), do: raise(ArgumentError, "expected plain data to write as JSON, got: #{inspect(term)}")

  defp string(text), do: ["\"", escape(text, []), "\""]

  defp escape(<<?", rest::binary>>, done), do: escape(rest, [done, "\\\""])
  defp escape(<<?\\, rest::binary>>, done), do: escape(rest, [done, "\\\\"])
  defp escape(<<?\n, rest::binary>>, done), do: escape(rest, [done, "\\n"])
  defp escape(<<?\r, rest::binary>>, done), do: escape(rest, [done, "\\r"])
  defp escape(<<?\t, rest::binary>>, done), do: escape(rest, [done, "\\t"])

  defp escape(<<control::utf8, rest::binary>>, done) when control < 0x20 or control in 0x7F..0x9F,
    do: escape(rest, [done, "\\u", control |> Integer.to_string(16) |> String.pad_leading(4, "0")])

  defp escape(<<char::utf8, rest::binary>>, done), do: escape(rest, [done, <<char::utf8>>])
  defp escape(<<_no_utf8, rest::binary>>, done), do: escape(rest, [done, "\uFFFD"])
  defp escape(<<>>, done), do: done
end
