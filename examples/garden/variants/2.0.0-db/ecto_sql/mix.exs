defmodule EctoSQL.MixProject do
  use Mix.Project

  def project, do: [app: :ecto_sql, version: "3.10.2", elixir: "~> 1.14", deps: []]

  def application, do: [extra_applications: [:logger]]
end
