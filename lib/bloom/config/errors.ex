defmodule Bloom.Config.Errors do
  @moduledoc "The options of what is said of errors, a part of the schema of `Bloom.Config`."

  @schema [
    include_error_suggestions: [
      type: :boolean,
      default: true,
      doc: "Whether error messages end with what to do next."
    ]
  ]

  @doc "This part of the schema."
  @spec schema() :: keyword()
  def schema, do: @schema
end
