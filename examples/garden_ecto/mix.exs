defmodule Garden.MixProject do
  use Mix.Project

  # Versions are variants of one source; the build command lays them over each other and names the version here.
  @version "VERSION" |> Path.expand(__DIR__) |> File.read!() |> String.trim()

  def project do
    [
      app: :garden,
      version: @version,
      elixir: "~> 1.14",
      deps: deps(),
      releases: [
        garden: [steps: [:assemble, &Bloom.Release.prepare/1, :tar], include_executables_for: [:unix]]
      ]
    ]
  end

  def application do
    [mod: {Garden.Application, []}, extra_applications: [:logger, :inets]]
  end

  defp deps do
    [
      {:bloom, path: System.get_env("BLOOM_PATH", "../..")},
      {:ecto_sql, "~> 3.10"},
      {:postgrex, "~> 0.17"}
    ]
  end
end
