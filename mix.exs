# Mix needs the compiler of the native library before it has compiled anything.
Code.require_file("native/mix/compile.bloom_native.ex", __DIR__)

defmodule Bloom.MixProject do
  use Mix.Project

  @version "0.1.0"
  @source_url "https://github.com/brandocms/bloom"

  # The guides by the groups of the documentation.
  @guides [
    Introduction: ~w(
      introduction
      first-deployment
      installing-without-rust
    ),
    Learning: ~w(
      how-bloom-decides
      what-happens-in-a-switch
      health-and-safety
      when-something-goes-wrong
    ),
    Recipes: ~w(
      building-in-ci
      databases
      hooks
      security
      systemd-and-containers
      testing-upgrades
      writing-an-appup
    ),
    Reference: ~w(
      configuration
      the-command-line
      florist
      telemetry
      the-journal
      troubleshooting
    )
  ]

  # What users call and configure; all other modules are Bloom's own affair.
  @modules [
    Operating: [
      Bloom,
      Bloom.ReleaseManager,
      Bloom.HealthChecker,
      Bloom.SafetyMonitor,
      Bloom.LifecycleManager,
      Bloom.Telemetry,
      Bloom.Metadata,
      Bloom.DatabaseBackup,
      Bloom.MigrationTracker
    ],
    "From outside": [
      Bloom.RPC,
      Bloom.RPC.Operations,
      Bloom.RPC.Token,
      Bloom.RPC.Follow,
      Bloom.CLI,
      Bloom.CLI.ExitCode
    ],
    "Building and starting": [
      Bloom.Release,
      Bloom.Application
    ],
    Testing: [
      Bloom.MockReleaseHandler,
      Bloom.UpgradeCase,
      Bloom.UpgradeCase.Node,
      Bloom.UpgradeCase.Probe
    ],
    Extending: [
      Bloom.Hook,
      Bloom.ReleaseHandler,
      Bloom.DatabaseBackup.Backend,
      Bloom.MigrationTracker.Migrator
    ],
    "Plans, configuration and errors": [
      Bloom.Config,
      Bloom.Error,
      Bloom.ErrorInterpreter,
      Bloom.ErrorLog,
      Bloom.Plan,
      Bloom.Validator
    ]
  ]

  def project do
    [
      app: :bloom,
      version: @version,
      elixir: "~> 1.14",
      description: "Zero-downtime release management for Elixir on OTP's release_handler",
      start_permanent: Mix.env() == :prod,
      compilers: [:bloom_native] ++ Mix.compilers(),
      elixirc_paths: elixirc_paths(Mix.env()),
      source_url: @source_url,
      docs: docs(),
      package: package(),
      deps: deps()
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

  # `MIX_ENV=docs mix docs` makes the documentation. A machine without Hex needs nothing of it.
  defp deps do
    if Code.ensure_loaded?(Hex), do: [{:ex_doc, "~> 0.34", only: :docs, runtime: false}], else: []
  end

  defp docs do
    groups = for {group, names} <- @guides, do: {group, Enum.map(names, &"guides/#{&1}.md")}

    [
      main: "introduction",
      source_ref: "v#{@version}",
      extras: Enum.flat_map(groups, &elem(&1, 1)) ++ ~w(README.md CHANGELOG.md LICENSE),
      groups_for_extras: groups,
      groups_for_modules: @modules ++ [Inside: ~r/./]
    ]
  end

  defp package do
    [
      licenses: ["MIT"],
      links: %{"GitHub" => @source_url, "Changelog" => "#{@source_url}/blob/main/CHANGELOG.md"},
      # Without the tests and the fuzz targets of the crates, which may have built gigabytes beside them.
      files:
        ~w(lib priv guides native/mix native/bloom_core/src native/bloom_core/Cargo.toml native/bloom_nif) ++
          ~w(Cargo.toml Cargo.lock mix.exs README.md CHANGELOG.md LICENSE)
    ]
  end
end
