defmodule Bloom.ErrorInterpreter.Catalogue.Area do
  @moduledoc "A part of the catalogue: codes that belong together, under one heading of the guide."

  @typedoc "What the message says (… stands for what varies), what it means, and what to do."
  @type entry :: {says :: String.t() | [String.t()], meaning :: String.t(), action :: String.t()}

  @doc "The heading."
  @callback title() :: String.t()

  @doc "The entries by code."
  @callback entries() :: [{atom(), entry()}]

  @doc "Makes the module an area with a title."
  defmacro __using__(title: title) do
    quote do
      @behaviour Bloom.ErrorInterpreter.Catalogue.Area

      @impl true
      def title, do: unquote(title)
    end
  end
end
