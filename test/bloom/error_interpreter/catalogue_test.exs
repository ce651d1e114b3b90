defmodule Bloom.ErrorInterpreter.CatalogueTest do
  use ExUnit.Case, async: true

  alias Bloom.Error
  alias Bloom.ErrorInterpreter.{Catalogue, Posix}
  alias Bloom.Test.{Codes, Words}

  doctest Catalogue

  @guide "guides/troubleshooting.md"

  test "every code that the sources make has an entry" do
    missing = Codes.all() |> Map.drop(Catalogue.codes()) |> Enum.sort()

    assert missing == [], """
    codes without an entry in lib/bloom/error_interpreter/catalogue/*.ex. Add to the area each belongs to:

    #{Enum.map_join(missing, "\n", fn {code, files} -> "    #{code}: {\"what the message says, … for what varies\", \"What it means.\", \"What to do.\"},   # #{Enum.join(Enum.uniq(files), ", ")}" end)}
    """
  end

  test "every entry is of a code that there is, once" do
    assert Catalogue.codes() -- Map.keys(Codes.all()) == []
    assert Catalogue.codes() == Enum.uniq(Catalogue.codes())
  end

  test "what the entries say is what the messages say" do
    text = Codes.text() <> Enum.map_join(Posix.known(), "\n", &Posix.words/1)

    for code <- Catalogue.codes(), {:ok, %{says: says}} = Catalogue.explain(code), message <- says do
      parts = message |> String.split("…") |> Enum.map(&String.trim/1)
      for part <- parts, String.length(part) > 3, do: assert(text =~ part, "#{code}: no message has #{inspect(part)}")
    end
  end

  test "entries are words" do
    for code <- Catalogue.codes() do
      {:ok, explanation} = Catalogue.explain(code)
      for said <- explanation.says, do: Words.assert_words(Error.new(code, said <> " …"))

      for text <- [explanation.meaning, explanation.action] do
        assert text =~ ~r/\A[A-Z`].*[.:!]\z/u, "#{code}: no sentence: #{text}"
      end
    end
  end

  test "the guide is made from it" do
    [before, _tables, rest] = @guide |> File.read!() |> String.split(~r/<!-- \/?catalogue -->\n/)
    wanted = "#{before}<!-- catalogue -->\n#{Catalogue.markdown()}<!-- /catalogue -->\n#{rest}"
    if System.get_env("BLOOM_WRITE_GUIDES"), do: File.write!(@guide, wanted)

    assert File.read!(@guide) == wanted,
           "#{@guide} is not the catalogue's; BLOOM_WRITE_GUIDES=1 mix test #{Path.relative_to_cwd(__ENV__.file)} writes it"
  end
end
