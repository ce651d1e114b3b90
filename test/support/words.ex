defmodule Bloom.Test.Words do
  @moduledoc "What people read has to be words."

  import ExUnit.Assertions

  alias Bloom.Error

  @code [
    "{:",
    "{\"",
    "%{",
    "#PID",
    "#Reference",
    "#Function",
    "#Port",
    ":\"Elixir",
    "Elixir.",
    "<<",
    "** (",
    "[:",
    "=>"
  ]

  @doc "Asserts that message and suggestions are words: no term printed as code, nothing endless, nothing unreadable."
  @spec assert_words(Error.t()) :: Error.t()
  def assert_words(%Error{code: code, message: message, suggestions: suggestions} = error) do
    assert is_atom(code)

    for text <- [message, Error.to_message(error) | suggestions] do
      assert String.printable?(text) and String.length(text) in 5..1_500, "not to be read: #{inspect(text)}"
      for mark <- @code, do: refute(text =~ mark, "#{inspect(mark)} in: #{text}")
    end

    error
  end
end
