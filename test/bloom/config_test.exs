defmodule Bloom.ConfigTest do
  use ExUnit.Case, async: false

  alias Bloom.Config

  doctest Config

  for {option, good, bad} <- [
        {:app_name, :garden, 1},
        {:app_name, "garden", 1},
        {:releases_dir, "/opt/garden/releases", :garden},
        {:release_handler, Bloom.MockReleaseHandler, "mock"},
        {:skip_file_checks, true, "yes"},
        {:health_checks, [db: {M, :f, []}], %{}},
        {:health_checks, [db: {{M, :f, []}, critical: false}], [db: {M, :f}]},
        {:health_check_timeout_ms, 1, 0},
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
        {:include_error_suggestions, false, 0},
        {:database_backup_enabled, false, nil},
        {:database_backup_required, false, "no"},
        {:require_backup_for_migrations, false, 0},
        {:database_backup_backend, Bloom.DatabaseBackup.SQLite, "sqlite"},
        {:database_backup_directory, "/opt/backups", :backups},
        {:database_backup_retention_count, 1, 0},
        {:database_backup_timeout_ms, 1, 0},
        {:database_backup_compression, :gzip, :lz4},
        {:database_backup_restore_check_max_mb, 0, -1},
        {:min_backup_space_mb, 0, -1}
      ] do
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

  test "every option has a type, a default that fits and a description" do
    for {option, spec} <- Config.schema() do
      assert spec[:doc], "#{option} has no doc"
      assert :ok = Config.validate(option, spec[:default])
    end
  end
end
