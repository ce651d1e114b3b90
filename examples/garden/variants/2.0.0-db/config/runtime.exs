import Config

port = String.to_integer(System.get_env("GARDEN_PORT", "4080"))

config :garden,
  port: port,
  owner: System.get_env("GARDEN_OWNER", "nobody"),
  season: "spring"

config :bloom,
  min_disk_space_mb: String.to_integer(System.get_env("GARDEN_MIN_DISK_SPACE_MB", "500")),
  health_checks: [garden: {Garden.Health, :check, []}],
  probation_ms: String.to_integer(System.get_env("GARDEN_PROBATION_MS", "300")),
  restarted_by: System.get_env("GARDEN_RESTARTED_BY"),
  response_probes: [look: "http://127.0.0.1:#{port}/health"],
  max_response_time_ms: 1000

config :garden,
  ecto_repos: [Garden.Repo]

config :garden, Garden.Repo,
  socket_dir: System.get_env("GARDEN_SOCKET_DIR", "/run/postgresql"),
  username: System.get_env("GARDEN_DATABASE_USER", "postgres"),
  password: System.get_env("GARDEN_DATABASE_PASSWORD", ""),
  database: System.get_env("GARDEN_DATABASE", "garden")

config :bloom,
  min_backup_space_mb: 1,
  database_migration_timeout_ms: String.to_integer(System.get_env("GARDEN_MIGRATION_TIMEOUT_MS", "20000")),
  database_migration_rollback_strategy: String.to_atom(System.get_env("GARDEN_ROLLBACK_STRATEGY", "ecto_first"))
