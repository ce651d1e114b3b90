defmodule Bloom.ErrorInterpreter.MessagesTest do
  use ExUnit.Case, async: true

  alias Bloom.Test.Codes

  # Of other people's making, so that nobody knows what is in them.
  @foreign ~w(reason error term value other answer result exception failure kind pid pids crash why said)a

  # What is for programmers and for those who wrote the value, not for those who deploy.
  @programmers ~w(lib/bloom/json.ex lib/bloom/upgrade.ex lib/bloom/upgrade_case.ex lib/bloom/health_checker.ex)

  test "no message prints a foreign term as code" do
    printed = for {file, name} <- Codes.printed(@foreign), file not in @programmers, do: "#{file}: inspect(#{name})"

    assert printed == [],
           "#{inspect(printed)}: use Bloom.ErrorInterpreter.Words.of/1 or Bloom.ErrorInterpreter.interpret/1"
  end

  test "every error says what to do next, in its suggestions or at the end of its message" do
    for {file, code, message} <- Codes.unadvised(), code != :cancelled do
      assert message =~ ~r/[:;] [a-z ]+/, "#{file}: no suggestions for #{inspect(code)}, #{message}"
    end
  end
end
