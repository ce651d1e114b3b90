defmodule GardenSeeds.MixProject do
  use Mix.Project

  # A path dependency as they are: the code changes, the version never does.
  def project, do: [app: :garden_seeds, version: "0.1.0", elixir: "~> 1.14"]
end
