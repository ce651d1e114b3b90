defmodule Bloom.ErrorInterpreter.Catalogue do
  @moduledoc """
  Every code that a `Bloom.Error` can have: what its message says, what it means and what to do.

  `guides/troubleshooting.md` is made from it, and a test finds codes that have no entry. Adding a code means adding its entry
  to the area that it belongs to.
  """

  alias Bloom.ErrorInterpreter.Catalogue

  # In the order of the guide.
  @areas [
    Catalogue.Promised,
    Catalogue.Archives,
    Catalogue.Releases,
    Catalogue.Deployments,
    Catalogue.Databases,
    Catalogue.Remote,
    Catalogue.Access,
    Catalogue.System
  ]

  @type explanation :: %{code: atom(), says: [String.t()], meaning: String.t(), action: String.t()}

  @doc "Every code, in the order of the guide."
  @spec codes() :: [atom()]
  def codes, do: for(area <- @areas, {code, _entry} <- area.entries(), do: code)

  @doc """
  What a code means and what to do about it.

      iex> {:ok, explanation} = Bloom.ErrorInterpreter.Catalogue.explain(:damaged)
      iex> explanation.says
      ["the archive is damaged or incomplete (…): copy it again"]
      iex> Bloom.ErrorInterpreter.Catalogue.explain(:no_such_code)
      :error
  """
  @spec explain(atom()) :: {:ok, explanation()} | :error
  def explain(code) do
    Enum.find_value(@areas, :error, fn area ->
      with {says, meaning, action} <- area.entries()[code],
           do: {:ok, %{code: code, says: List.wrap(says), meaning: meaning, action: action}}
    end)
  end

  @doc "The catalogue as the guide has it: a table for each area."
  @spec markdown() :: String.t()
  def markdown, do: Enum.map_join(@areas, "\n", &area/1)

  defp area(area) do
    rows =
      for {code, {says, meaning, action}} <- area.entries(),
          do: row([says(says), "`#{code}`", meaning, action])

    Enum.join([
      "## #{area.title()}\n\n",
      "| message | code | what it means | what to do |\n",
      "| --- | --- | --- | --- |\n" | rows
    ])
  end

  defp says(says), do: says |> List.wrap() |> Enum.map_join("<br>", &cell/1)

  defp cell(text), do: text |> String.replace("|", "\\|") |> String.replace("*", "\\*") |> String.replace("<", "&lt;")

  defp row(cells), do: "| " <> Enum.join(cells, " | ") <> " |\n"
end
