defmodule Bloom.ConfigTest do
  use ExUnit.Case, async: false

  Module.register_attribute(__MODULE__, :tested, accumulate: true)

  alias Bloom.Config

  doctest Config
  doctest Config.Type
  doctest Config.RPC

  for {option, good, bad} <- [
        {:app_name, :garden, 1},
        {:app_name, "garden", 1},
        {:releases_dir, "/opt/garden/releases", :garden},
        {:app_root, "/opt/garden", :garden},
        {:release_handler, Bloom.MockReleaseHandler, "mock"},
        {:skip_file_checks, true, "yes"},
        {:health_checks, [db: {M, :f, []}], %{}},
        {:health_checks, [db: {{M, :f, []}, critical: false}], [db: {M, :f}]},
        {:health_check_timeout_ms, 1, 0},
        {:min_otp_version, "25.2.3", "R16B"},
        {:required_applications, [:kernel], ["kernel"]},
        {:memory_threshold_bytes, 1_073_741_824, 0.5},
        {:max_memory_ratio, 0.5, 95},
        {:min_processes, 10, -1},
        {:max_process_ratio, 1, 0},
        {:min_disk_space_mb, 0, -1},
        {:max_message_queue_length, 1, 0},
        {:max_scheduler_delay_ms, 1, 0},
        {:max_error_rate_per_minute, 0, -1},
        {:max_response_time_ms, 1, 0},
        {:response_probes, [home: "http://127.0.0.1:4000/"], [home: "http://example.org/"]},
        {:response_probe_timeout_ms, 1, 0},
        {:busy_timeout_ms, 1, 0},
        {:old_code_timeout_ms, 0, -1},
        {:rehearsal, false, nil},
        {:rehearsal_timeout_ms, 1, 1.5},
        {:rehearsal_memory_mb, 0, -1},
        {:probation_ms, 0, -1},
        {:health_check_interval_ms, 1, 0},
        {:trial_timeout_ms, 1, 0},
        {:restarted_by, "a supervisor of containers", :docker},
        {:restart_stop_timeout_ms, 1, 0},
        {:rollback_failure_callback, &Function.identity/1, &Function.capture/3},
        {:rollback_failure_callback, {M, :f, []}, {M, :f}},
        {:hooks, [before: [{M, :f, []}, M, {{M, :f, []}, retries: 2}]], [during: [M]]},
        {:hooks, [failure: [{M, priority: 1}]], [failure: [{M, prio: 1}]]},
        {:hooks, [], [after: {M, :f, []}]},
        {:auto_cleanup_enabled, false, nil},
        {:release_retention_count, 1, 0},
        {:disk_space_warning_threshold, 100, 101},
        {:detailed_error_logging, false, nil},
        {:include_error_suggestions, false, 0},
        {:require_authentication, true, nil},
        {:shared_secret, "0123456789abcdef", :secret},
        {:previous_shared_secret, "0123456789abcdef", ~c"secret"},
        {:allowed_ips, ["127.0.0.1", "fd00::/8", :local], ["localhost"]},
        {:rpc_clock_skew_s, 1, 0},
        {:rpc_max_failures, 1, 0},
        {:rpc_failure_window_s, 1, 0},
        {:database_backup_enabled, false, nil},
        {:database_backup_required, false, "no"},
        {:require_backup_for_migrations, false, 0},
        {:database_backup_backend, Bloom.DatabaseBackup.SQLite, "sqlite"},
        {:database_backup_directory, "/opt/backups", :backups},
        {:database_backup_retention_count, 1, 0},
        {:database_backup_timeout_ms, 1, 0},
        {:database_backup_compression, :gzip, :lz4},
        {:database_backup_restore_check_max_mb, 0, -1},
        {:database_tools_directory, "/usr/lib/postgresql/15/bin", 15},
        {:min_backup_space_mb, 0, -1},
        {:database_migration_rollback_strategy, :backup_only, :none},
        {:database_migration_timeout_ms, 1, 0},
        {:database_migration_paths, %{M => ["priv/migrations"]}, %{M => "priv/migrations"}},
        {:database_migrator, M, "ecto"}
      ] do
    @tested option
    test "#{option} takes #{inspect(good)} and refuses #{inspect(bad)} by name" do
      assert :ok = Config.validate(unquote(option), unquote(Macro.escape(good)))
      assert {:error, message} = Config.validate(unquote(option), unquote(Macro.escape(bad)))
      assert message =~ inspect(unquote(option))
    end
  end

  test "a value that an upgrade has spoilt is the default to those who must not fall over it" do
    Application.put_env(:bloom, :max_scheduler_delay_ms, :long)
    on_exit(fn -> Application.delete_env(:bloom, :max_scheduler_delay_ms) end)
    assert Config.get(:max_scheduler_delay_ms) == :long
    assert Config.get_valid(:max_scheduler_delay_ms) == 500
  end

  # What users were promised, with the values they were shown.
  @promised [
    app_name: :my_app,
    releases_dir: "/opt/my_app/releases",
    app_root: "/opt/my_app",
    memory_threshold_bytes: 1_073_741_824,
    min_processes: 10,
    max_process_ratio: 0.9,
    require_authentication: true,
    shared_secret: "your-secret-key",
    allowed_ips: ["127.0.0.1", "192.168.1.100"],
    min_otp_version: "25.0",
    required_applications: [:kernel, :stdlib, :logger, :my_app],
    min_disk_space_mb: 500,
    skip_file_checks: true,
    max_error_rate_per_minute: 10,
    max_response_time_ms: 5000,
    database_backup_enabled: true,
    database_backup_backend: Bloom.DatabaseBackup.Postgres,
    database_backup_retention_count: 5,
    database_backup_timeout_ms: 300_000,
    database_backup_directory: "/opt/backups",
    database_backup_required: true,
    require_backup_for_migrations: true,
    min_backup_space_mb: 1000,
    database_migration_rollback_strategy: :ecto_first,
    database_migration_timeout_ms: 180_000,
    auto_cleanup_enabled: true,
    release_retention_count: 5,
    disk_space_warning_threshold: 85,
    detailed_error_logging: true,
    include_error_suggestions: true,
    rollback_failure_callback: &Function.identity/1,
    health_checks: [database: &Bloom.health/0, cache: &Bloom.health/0]
  ]

  test "every option that was promised is there, and takes what was shown" do
    for {option, value} <- @promised, do: assert(:ok = Config.validate(option, value))
  end

  test "together they are refused for one thing alone: the secret that was shown is too short for authentication" do
    assert Config.problems(@promised) == [
             "config :bloom, :shared_secret has 15 bytes and needs 16 at least, see the guide on security for how to make one"
           ]

    assert Config.problems(Keyword.put(@promised, :shared_secret, "0123456789abcdef")) == []
  end

  test "a secret is in no message, be it of another type or under a name with a slip in it" do
    secrets = for {option, spec} <- Config.schema(), spec[:secret], do: option
    assert :shared_secret in secrets

    for option <- [:shared_secrt | secrets] do
      assert [problem] = Config.problems([{option, {:tulip, "tulip"}}])
      refute problem =~ "tulip"
    end
  end

  test "every option is tested above" do
    assert Enum.sort(Keyword.keys(Config.schema())) == Enum.sort(Enum.uniq(@tested))
  end

  test "an option that there is not is refused, with the one that was meant" do
    Application.put_env(:bloom, :health_check, [])
    on_exit(fn -> Application.delete_env(:bloom, :health_check) end)

    assert_raise ArgumentError, "unknown option config :bloom, :health_check, did you mean :health_checks?", fn ->
      Config.validate!()
    end

    assert Config.problems(colour: :green) == ["unknown option config :bloom, :colour"]
  end

  test "an improper list is refused like any other wrong value" do
    assert {:error, _message} = Config.validate(:required_applications, [:kernel | :stdlib])
  end

  test "every option has a type, a default that fits and a description" do
    for {option, spec} <- Config.schema() do
      assert spec[:doc], "#{option} has no doc"
      assert :ok = Config.validate(option, spec[:default])
    end
  end
end
