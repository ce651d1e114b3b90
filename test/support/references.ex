defmodule Bloom.Test.References do
  @moduledoc "What of Bloom a text names in code: modules, functions, callbacks and types."

  @doc """
  The names in a text.

      iex> Bloom.Test.References.in_text("`Bloom.Plan`, `Bloom.plan/1`, `c:Bloom.Hook.run/1` and `Bloom.plan(version)`")
      ["Bloom.Plan", "Bloom.plan/1", "Bloom.Hook.run/1", "Bloom.plan"]
  """
  @spec in_text(String.t()) :: [String.t()]
  def in_text(text) do
    for [_code, reference] <- Regex.scan(~r/`(?:[ct]:)?(Bloom(?:\.\w+[!?]?)+(?:\/\d)?)/, text), do: reference
  end

  @doc "Whether there is something of a name."
  @spec there?(String.t()) :: boolean()
  def there?(reference) do
    {name, arity} = with [name | arity] <- String.split(reference, "/"), do: {name, List.first(arity)}
    {modules, function} = name |> String.split(".") |> Enum.split_while(&(&1 =~ ~r/^[A-Z]/))
    module = Module.concat(modules)
    Code.ensure_loaded?(module) and (function == [] or has?(module, hd(function), arity))
  end

  defp has?(module, function, arity) do
    Enum.any?(names(module), fn {name, of} ->
      to_string(name) in [function, "MACRO-" <> function] and arity in [nil, to_string(of)]
    end)
  end

  defp names(module) do
    callbacks = if function_exported?(module, :behaviour_info, 1), do: module.behaviour_info(:callbacks), else: []
    types = with {:ok, types} <- Code.Typespec.fetch_types(module), do: types, else: (_none -> [])
    types = for {_kind, {name, _definition, arguments}} <- types, do: {name, length(arguments)}
    module.module_info(:exports) ++ callbacks ++ types
  end
end
