defmodule Garden.Rose do
  @moduledoc "A rose."

  defstruct colour: "red"
end

defimpl Garden.Describe, for: Garden.Rose do
  def describe(rose), do: "a #{rose.colour} rose"
end
