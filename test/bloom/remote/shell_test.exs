defmodule Bloom.Remote.ShellTest do
  use ExUnit.Case, async: true

  alias Bloom.Remote.Shell

  doctest Shell

  @hostile [
    "",
    " ",
    "a b",
    "-n",
    "'",
    "''",
    "a'b'c",
    "\"",
    "\\",
    "\\'",
    "$(id)",
    "`id`",
    "$HOME",
    "; id #",
    "&& id",
    "| id",
    "> /tmp/x",
    "*",
    "~",
    "{a,b}",
    "!!",
    "a\nb",
    "\t",
    "ä 🌱"
  ]

  defp words(text) do
    {output, 0} = System.cmd("sh", ["-c", text])
    String.split(output, "\0") |> Enum.drop(-1)
  end

  test "a shell reads every word as it is" do
    assert words(Shell.line(["printf", "%s\\0" | @hostile])) == @hostile
  end

  test "so does a script get its arguments" do
    script = """
    for word in "$@"; do
    printf '%s\\0' "$word";
    done
    """

    assert script |> Shell.script(@hostile) |> Shell.line() |> words() == @hostile
  end
end
