defmodule Garden.Rose do
  @moduledoc "A rose."

  defstruct colour: "red"
end
