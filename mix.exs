# Mix needs the compiler of the native library before it has compiled anything.
Code.require_file("native/mix/compile.bloom_native.ex", __DIR__)

defmodule Bloom.MixProject do
  use Mix.Project

  @version "0.1.0"

  def project do
    [
      app: :bloom,
      version: @version,
      elixir: "~> 1.14",
      description: "Zero-downtime release management for Elixir on OTP's release_handler",
      start_permanent: Mix.env() == :prod,
      compilers: [:bloom_native] ++ Mix.compilers(),
      elixirc_paths: elixirc_paths(Mix.env()),
      package: package(),
      deps: []
    ]
  end

  def application do
    [
      mod: {Bloom.Application, []},
      extra_applications: [:logger, :sasl, :crypto]
    ]
  end

  defp elixirc_paths(:test), do: ["lib", "test/support"]
  defp elixirc_paths(_env), do: ["lib"]

  defp package do
    [
      licenses: ["MIT"],
      links: %{"GitHub" => "https://github.com/brandocms/bloom"},
      # Without the tests and the fuzz targets of the crates, which may have built gigabytes beside them.
      files:
        ~w(lib priv guides native/mix native/bloom_core/src native/bloom_core/Cargo.toml native/bloom_nif) ++
          ~w(Cargo.toml Cargo.lock mix.exs README.md CHANGELOG.md LICENSE)
    ]
  end
end
