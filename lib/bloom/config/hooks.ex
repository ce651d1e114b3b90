defmodule Bloom.Config.Hooks do
  @moduledoc "The option of the application's own code around a deployment, a part of the schema of `Bloom.Config`."

  @schema [
    hooks: [
      type:
        {:custom, Bloom.Hook.Entry, :hooks?,
         "a keyword list of :before, :after and :failure, each a list of {module, function, arguments}, a module, or {one of them, options}"},
      default: [],
      doc: "What to call `before` a switch, `after` its commit, or at its `failure`, see `Bloom.Hook`."
    ]
  ]

  @doc "This part of the schema."
  @spec schema() :: keyword()
  def schema, do: @schema
end
