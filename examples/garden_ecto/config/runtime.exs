import Config

config :garden,
  port: String.to_integer(System.get_env("GARDEN_PORT", "4080"))

config :garden, Garden.Repo,
  url: System.fetch_env!("DATABASE_URL"),
  pool_size: String.to_integer(System.get_env("POOL_SIZE", "5"))

config :bloom,
  health_checks: [garden: {Garden.Health, :check, []}],
  probation_ms: String.to_integer(System.get_env("GARDEN_PROBATION_MS", "2000"))
