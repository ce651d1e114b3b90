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
        garden: [
          steps: [&name_erts/1, &name_elixir/1, :assemble, &copy_appups/1, &Bloom.Release.prepare/1, :tar],
          include_executables_for: [:unix]
        ]
      ]
    ]
  end

  def application do
    [mod: {Garden.Application, []}, extra_applications: [:logger, :inets]]
  end

  # Another Erlang runtime for machines that have one: the same under another version.
  defp name_erts(release) do
    case File.read("ERTS") do
      {:ok, version} -> %{release | erts_version: version |> String.trim() |> to_charlist()}
      {:error, :enoent} -> release
    end
  end

  defp name_elixir(release) do
    case File.read("ELIXIR") do
      {:ok, version} ->
        [{another, _code}] = Code.require_file("another_elixir.exs", __DIR__)
        another.put(release, String.trim(version), Path.expand("another", __DIR__))

      {:error, :enoent} ->
        release
    end
  end

  # An appup written by hand has to lie beside the .app of its application.
  defp copy_appups(release) do
    for path <- Path.wildcard("appups/*.appup") do
      app = path |> Path.basename(".appup") |> String.to_atom()
      ebin = Path.join([release.path, "lib", "#{app}-#{release.applications[app][:vsn]}", "ebin"])
      File.cp!(path, Path.join(ebin, Path.basename(path)))
    end

    release
  end

  defp deps do
    [
      {:bloom, path: System.get_env("BLOOM_PATH", "../..")},
      {:garden_seeds, path: "seeds"}
      # Some versions have more.
      | for(
          {app, dir} <- [garden_bees: "bees", ecto_sql: "ecto_sql"],
          File.dir?(Path.expand(dir, __DIR__)),
          do: {app, path: dir}
        )
    ]
  end
end
