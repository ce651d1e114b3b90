defmodule GardenBees.MixProject do
  use Mix.Project

  def project, do: [app: :garden_bees, version: "0.1.0", elixir: "~> 1.14"]

  def application, do: [mod: {GardenBees, []}]
end
