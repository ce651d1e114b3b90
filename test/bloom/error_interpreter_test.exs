defmodule Bloom.ErrorInterpreterTest do
  use ExUnit.Case, async: true

  import Bloom.Test.Words

  alias Bloom.{Error, ErrorInterpreter}
  alias Bloom.ErrorInterpreter.{Posix, Systools, Words}
  alias Bloom.Test.KnownReasons

  doctest ErrorInterpreter
  doctest Posix
  doctest Systools
  doctest Words

  describe "in words, with what to do next, is" do
    test "every reason of the release handler" do
      for {reason, code} <- KnownReasons.release_handler(), do: assert_interpreted(reason, code)
    end

    test "every reason of systools, as the message that the README promises" do
      rc = for tag <- Systools.known(), do: {:systools_rc, {tag, [{MyApp.Server, 1}]}}

      for {module, reason} <- KnownReasons.systools() ++ rc do
        error = assert_interpreted({:error, module, reason}, :invalid_relup)
        assert Error.to_message(error) == "Invalid release upgrade file - check release compatibility"
        assert String.length(error.details.why) > 5
      end
    end

    test "every POSIX code, alone and with a file" do
      for posix <- Posix.known() do
        refute Posix.words(posix) =~ "unknown", "nobody knows #{posix}"
        %Error{code: code} = assert_interpreted(posix)
        error = assert_interpreted({:error, {posix, ~c"/srv/garden/x"}}, code)
        assert error.message == "cannot use /srv/garden/x: #{Posix.words(posix)}"
      end
    end

    test "why processes, calls, nodes and code fail" do
      for {reason, code} <- KnownReasons.processes(), do: assert_interpreted(reason, code)
    end

    test "what nobody expects" do
      for reason <- KnownReasons.unknown() do
        error = assert_interpreted(reason, :unknown_reason)
        assert error.details.reason == reason
        refute error.message =~ "hush"
      end
    end

    test "whatever code that is called comes to" do
      for {reason, _code} <- KnownReasons.processes() ++ KnownReasons.release_handler(),
          kind <- [:error, :exit, :throw] do
        assert %Error{code: :step_crashed} =
                 kind |> then(&ErrorInterpreter.crash("step verify", &1, reason, [])) |> assert_words()
      end

      for reason <- KnownReasons.unknown(), kind <- [:error, :exit, :throw] do
        kind |> then(&ErrorInterpreter.crash("step verify", &1, reason, [])) |> assert_words()
      end
    end
  end

  test "reasons in other shapes than those that are known are words all the same" do
    known =
      Enum.map(KnownReasons.release_handler() ++ KnownReasons.processes(), &elem(&1, 0)) ++
        for({module, reason} <- KnownReasons.systools(), do: {:error, module, reason})

    for reason <- known, bent <- bent(reason), do: bent |> ErrorInterpreter.interpret() |> assert_words()
  end

  test "an error stays what it is, and a failure of another VM becomes one" do
    error = Error.new(:busy, "it is busy", suggestions: ["wait"])
    assert ErrorInterpreter.interpret({:error, error}) == error
    assert ErrorInterpreter.interpret(%{code: :busy, message: "it is busy", suggestions: ["wait"]}) == error
    assert ErrorInterpreter.interpret(%{code: :damaged, message: "the archive is damaged"}).code == :damaged
  end

  test "any term of any kind can be put into words" do
    for reason <- KnownReasons.unknown() do
      assert String.printable?(Words.of(reason))
      assert String.length(Words.of(reason)) <= 501
    end
  end

  # With something else at each place, two levels deep.
  defp bent(reason, depth \\ 2)

  defp bent(reason, depth) when is_tuple(reason) and depth > 0 do
    for index <- 0..(tuple_size(reason) - 1)//1,
        other <- Enum.take_every(KnownReasons.unknown(), 5) ++ bent(elem(reason, index), depth - 1),
        do: put_elem(reason, index, other)
  end

  defp bent(_reason, _depth), do: []

  defp assert_interpreted(reason, code \\ nil) do
    error = ErrorInterpreter.interpret(reason)
    if code, do: assert(error.code == code, "#{inspect(reason)} became #{error.code}: #{error.message}")
    if code != :already_running, do: assert([_ | _] = error.suggestions, inspect(reason))
    assert_words(error)
  end
end
