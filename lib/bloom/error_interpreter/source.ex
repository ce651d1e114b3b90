defmodule Bloom.ErrorInterpreter.Source do
  @moduledoc "Where reasons come from: a module that puts the reasons of one part of the system into words."

  @doc "The error for a reason, or `nil` where it is not one of this source."
  @callback interpret(reason :: term()) :: Bloom.Error.t() | nil
end
