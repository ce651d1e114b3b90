defmodule Bloom.Config.Errors do
  @moduledoc "The options of what is said of errors, a part of the schema of `Bloom.Config`."

  @schema [
    detailed_error_logging: [
      type: :boolean,
      default: true,
      doc: "Whether errors are logged with their code, their details and what to do next, see `Bloom.ErrorLog`."
    ],
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
