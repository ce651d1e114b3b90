import Config

config :garden,
  port: String.to_integer(System.get_env("GARDEN_PORT", "4080")),
  owner: System.get_env("GARDEN_OWNER", "nobody"),
  season: "spring"

config :bloom,
  health_checks: [garden: {Garden.Health, :check, []}],
  probation_ms: String.to_integer(System.get_env("GARDEN_PROBATION_MS", "300"))
