defmodule Bloom.Config.Table do
  @moduledoc "The configuration as text for people, and as plain data for machines. Secrets are in neither."

  alias Bloom.Config.{Effective, Source}

  @doc """
  A line for each option, in columns.

      iex> entry = %{option: :probation_ms, value: 0, source: {:file, "config/config.exs", 3}, secret: false, problem: nil}
      iex> Bloom.Config.Table.lines([entry])
      ["probation_ms  0  config/config.exs:3"]
  """
  @spec lines([Effective.entry()]) :: [String.t()]
  def lines(entries) do
    rows = for entry <- entries, do: {Atom.to_string(entry.option), shown(entry), Source.words(entry.source)}
    {names, values} = {width(rows, 0), width(rows, 1)}

    for {name, value, source} <- rows do
      String.pad_trailing(name, names) <> "  " <> String.pad_trailing(value, values) <> "  " <> source
    end
  end

  # A long value does not push the last column of all others away.
  @widest 40

  defp width(rows, column) do
    rows |> Enum.map(&(&1 |> elem(column) |> String.length() |> min(@widest))) |> Enum.max(fn -> 0 end)
  end

  @doc """
  The same as maps, for `Bloom.JSON`. Values that JSON does not have are text, as Elixir writes them.

      iex> entry = %{option: :probation_ms, value: 0, source: {:file, "config/config.exs", 3}, secret: false, problem: nil}
      iex> Bloom.Config.Table.plain([entry])
      [%{option: :probation_ms, value: 0, source: :file, file: "config/config.exs", line: 3, problem: nil}]
  """
  @spec plain([Effective.entry()]) :: [map()]
  def plain(entries) do
    for entry <- entries do
      {source, file, line} = with source when is_atom(source) <- entry.source, do: {source, nil, nil}
      %{option: entry.option, value: plain_value(entry), source: source, file: file, line: line, problem: entry.problem}
    end
  end

  defp plain_value(%{secret: false, value: value}) when is_number(value) or is_boolean(value) or is_nil(value),
    do: value

  defp plain_value(%{secret: false, value: value}) when is_binary(value),
    do: if(String.valid?(value), do: value, else: inspect(value))

  defp plain_value(entry), do: shown(entry)

  defp shown(%{secret: true, value: value}) when value != nil, do: "[secret]"
  defp shown(%{value: value}), do: inspect(value)
end
