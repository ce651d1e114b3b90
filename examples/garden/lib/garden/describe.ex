defprotocol Garden.Describe do
  @moduledoc "Says what something is."

  @fallback_to_any true

  @doc "In a word."
  def describe(thing)
end

defimpl Garden.Describe, for: Any do
  def describe(_thing), do: "something green"
end
