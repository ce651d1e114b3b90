defmodule GardenSeeds do
  @moduledoc "What can be sown."

  @doc "The names of the seeds in stock."
  @spec stock() :: [String.t()]
  def stock, do: ["radish", "carrot"]
end
