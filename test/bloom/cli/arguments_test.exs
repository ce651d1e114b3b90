defmodule Bloom.CLI.ArgumentsTest do
  use ExUnit.Case, async: true

  doctest Bloom.CLI.Arguments
  doctest Bloom.CLI.ExitCode
  doctest Bloom.CLI.Remote
  doctest Bloom.CLI.Words

  alias Bloom.CLI.{Arguments, ExitCode, Help}

  test "every command has a help that names what it takes, and stands in the general one" do
    for command <- Arguments.commands() do
      text = Help.text(command)
      %{arguments: arguments, options: options} = Arguments.takes(command)
      assert text =~ "Usage: bin/bloom #{Enum.join([command | arguments], " ")}"
      for option <- options, do: assert(text =~ option, "the help of #{command} does not name #{option}")
      assert Help.text(nil) =~ ~r/^  #{command} /m
    end
  end

  test "the guide has every command, every option and every exit code" do
    guide = File.read!("guides/the-command-line.md")

    for command <- Arguments.commands() do
      %{arguments: arguments, options: options} = Arguments.takes(command)
      assert guide =~ "| `#{Enum.join([command | arguments], " ")}` |"
      for option <- options, do: assert(guide =~ "`#{option}", "the guide does not name #{option}")
    end

    for meaning <- ~w(done failed usage unreachable unmet refused stuck interrupted)a,
        do: assert(guide =~ "| #{ExitCode.number(meaning)} | ")
  end

  test "no argument, and every way to ask for help, is help" do
    for typed <- [[], ["help"], ["--help"], ["-h"]], do: assert(Arguments.parse(typed) == {:help, nil})
    for command <- Arguments.commands(), do: assert(Arguments.parse([command, "-h"]) == {:help, command})
  end

  test "options are read" do
    assert {:ok, %{arguments: ["1.2.3"], options: options}} =
             Arguments.parse(~w(deploy --archive a.tar.gz 1.2.3 --mode hot --force --no-wait --timeout 5 --json))

    assert Enum.sort(options) ==
             [archive: "a.tar.gz", force: true, json: true, mode: "hot", no_wait: true, timeout: 5]
  end

  for {typed, message} <- [
        {["deploi", "1.2.3"], "did you mean deploy?"},
        {["dance"], "see bin/bloom --help"},
        {["deploy"], "deploy takes VERSION"},
        {["deploy", "1.2.3", "1.2.4"], "deploy takes VERSION"},
        {["status", "1.2.3"], "status takes no argument"},
        {["status", "--archive", "a"], "--archive is not known here"},
        {["plan", "1.2.3", "--require", "tea"], "--require is one of hot, restart"},
        {["deploy", "1.2.3", "--mode", "fast"], "--mode is one of auto, hot, restart"},
        {["deploy", "1.2.3", "--timeout", "soon"], "--timeout cannot be soon"},
        {["history", "--limit", "0"], "--limit has to be 1 or more"},
        {["history", "--limit", "10001"], "--limit has to be 10000 or less"},
        {["deploy", "1.2.3", "--archive"], "lacks its value"}
      ] do
    test "refused: #{Enum.join(typed, " ")}" do
      assert {:error, text} = Arguments.parse(unquote(typed))
      assert text =~ unquote(message)
    end
  end
end
