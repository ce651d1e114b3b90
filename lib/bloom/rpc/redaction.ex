defmodule Bloom.RPC.Redaction do
  @moduledoc """
  What the audit log gets of a call: no secret and no token, wherever somebody put it, and not more than it can hold.

  Callers send anything, so what cannot be looked through is left out, and nothing here raises.
  """

  alias Bloom.{Config, Secrets}
  alias Bloom.RPC.Plain

  # In bytes of its external form.
  @largest 4096

  @unreadable "[unreadable]"

  @doc """
  The arguments of a call.

      iex> Bloom.RPC.Redaction.of(["1.2.3", "bloom1.AAAA"])
      ["1.2.3", "[token]"]
  """
  @spec of(term()) :: [term()]
  def of(arguments) do
    {_same_or_not, shown} = look(arguments)
    if is_list(shown), do: shown, else: [shown]
  end

  @doc """
  The name of an operation, which may be anything.

      iex> Bloom.RPC.Redaction.name(:install)
      "install"
      iex> Bloom.RPC.Redaction.name({:install, 1})
      "{:install, 1}"
  """
  @spec name(term()) :: String.t()
  def name(operation) do
    case look(operation) do
      {_same_or_not, name} when is_atom(name) -> Atom.to_string(name)
      {_same_or_not, other} -> other |> inspect(limit: 10, printable_limit: 100) |> String.slice(0, 200)
    end
  end

  @doc """
  The message that answers a call. It may quote the arguments, in any form, so it is left out where something of them is.

      iex> Bloom.RPC.Redaction.message("Invalid version format: abc", ["abc"])
      "Invalid version format: abc"
      iex> Bloom.RPC.Redaction.message("Invalid version format: bloom1.AAAA", ["bloom1.AAAA"])
      "[left out, as the arguments are]"
  """
  @spec message(String.t(), term()) :: String.t()
  def message(message, arguments) do
    case look(arguments) do
      {:same, _arguments} -> hide(message, secrets())
      {:other, _shown} -> "[left out, as the arguments are]"
    end
  end

  defp look(term) do
    size = :erlang.external_size(term)

    if size <= @largest do
      plain = Plain.of(term)
      shown = hide(plain, secrets())
      {if(shown === plain, do: :same, else: :other), shown}
    else
      {:other, "[#{size} bytes]"}
    end
  catch
    _kind, _reason -> {:other, @unreadable}
  end

  defp secrets do
    for option <- [:shared_secret, :previous_shared_secret],
        secret = Config.get(option),
        is_binary(secret) and secret != "",
        do: secret
  end

  # A binary need not be text.
  defp hide(binary, secrets) when is_binary(binary),
    do: Regex.replace(~r/bloom1\.[A-Za-z0-9_-]+/, Secrets.scrub(binary, secrets), "[token]")

  defp hide([_ | _] = list, secrets), do: list |> each(secrets) |> joined(secrets)
  defp hide(tuple, secrets) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> each(secrets) |> List.to_tuple()

  defp hide(map, secrets) when is_map(map),
    do: map |> Map.to_list() |> Map.new(fn {key, value} -> {hide(key, secrets), hide(value, secrets)} end)

  defp hide(atom, secrets) when is_atom(atom) do
    name = Atom.to_string(atom)
    with ^name <- hide(name, secrets), do: atom
  end

  defp hide(other, _secrets), do: other

  defp each([head | tail], secrets), do: [hide(head, secrets) | each(tail, secrets)]
  defp each([], _secrets), do: []
  defp each(tail, secrets), do: hide(tail, secrets)

  # A charlist or other text in pieces.
  defp joined(list, secrets) do
    Enum.find_value([&IO.chardata_to_string/1, &IO.iodata_to_binary/1], list, fn join ->
      text = together(join, list)
      shown = hide(text, secrets)
      if shown != text, do: shown
    end)
  end

  defp together(join, list) do
    join.(list)
  rescue
    _no_text -> ""
  end
end
