defmodule Bloom.Remote.Shell do
  @moduledoc """
  Words for a shell on the other side.

  ssh hands the other side one text, which the user's login shell reads. So every word is quoted, whatever it holds, and
  what is to be done there is the script of a `sh` that gets its words as arguments.
  """

  @doc """
  A word that a shell reads as it is.

      iex> Bloom.Remote.Shell.quote_word("/opt/my app; rm -rf ~")
      "'/opt/my app; rm -rf ~'"
      iex> Bloom.Remote.Shell.quote_word("it's")
      "'it'\\\\''s'"
  """
  @spec quote_word(String.t()) :: String.t()
  def quote_word(word), do: "'" <> String.replace(word, "'", "'\\''") <> "'"

  @doc """
  A command of many words as one text.

      iex> Bloom.Remote.Shell.line(["echo", "a b"])
      "'echo' 'a b'"
  """
  @spec line([String.t()]) :: String.t()
  def line(words), do: Enum.map_join(words, " ", &quote_word/1)

  @doc """
  The words that have a `sh` run a script, with arguments as `$1` and on.

  In one line, as csh reads no quoted text of more.
  """
  @spec script(String.t(), [String.t()]) :: [String.t()]
  def script(script, arguments), do: ["sh", "-c", one_line(script), "bloom" | arguments]

  defp one_line(script), do: script |> String.split("\n", trim: true) |> Enum.map_join(" ", &String.trim/1)
end
