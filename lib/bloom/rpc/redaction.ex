defmodule Bloom.RPC.Redaction do
  @moduledoc "What the audit log gets of a call: no secret and no token, wherever somebody put it, and not more than it can hold."

  alias Bloom.{Config, Secrets}
  alias Bloom.RPC.Plain

  # In bytes of its external form.
  @largest 4096

  @doc """
  The arguments of a call.

      iex> Bloom.RPC.Redaction.of(["1.2.3", "bloom1.AAAA"])
      ["1.2.3", "[token]"]
  """
  @spec of(term()) :: [term()]
  def of(arguments) do
    arguments = arguments |> Plain.of() |> hide(secrets())
    arguments = if is_list(arguments), do: arguments, else: [arguments]

    if :erlang.external_size(arguments) <= @largest,
      do: arguments,
      else: ["[#{:erlang.external_size(arguments)} bytes]"]
  end

  @doc """
  The name of an operation, which may be anything.

      iex> Bloom.RPC.Redaction.name(:install)
      "install"
      iex> Bloom.RPC.Redaction.name({:install, 1})
      "{:install, 1}"
  """
  @spec name(term()) :: String.t()
  def name(operation) when is_atom(operation), do: Atom.to_string(operation)

  def name(other) do
    other |> Plain.of() |> hide(secrets()) |> inspect(limit: 10, printable_limit: 100) |> String.slice(0, 200)
  end

  defp secrets do
    for option <- [:shared_secret, :previous_shared_secret],
        secret = Config.get(option),
        is_binary(secret) and secret != "",
        do: secret
  end

  defp hide(text, secrets) when is_binary(text) do
    if String.valid?(text),
      do: Regex.replace(~r/bloom1\.[A-Za-z0-9_-]+/, Secrets.scrub(text, secrets), "[token]"),
      else: text
  end

  defp hide([head | tail], secrets), do: [hide(head, secrets) | hide(tail, secrets)]
  defp hide(tuple, secrets) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> hide(secrets) |> List.to_tuple()

  defp hide(map, secrets) when is_map(map),
    do: Map.new(map, fn {key, value} -> {hide(key, secrets), hide(value, secrets)} end)

  defp hide(other, _secrets), do: other
end
