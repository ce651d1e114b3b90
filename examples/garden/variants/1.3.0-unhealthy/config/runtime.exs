import Config

port = String.to_integer(System.get_env("GARDEN_PORT", "4080"))

config :garden,
  port: port,
  owner: System.get_env("GARDEN_OWNER", "nobody"),
  season: "summer"

hooks =
  case System.get_env("GARDEN_HOOKS") do
    nil -> []
    file -> for kind <- [:before, :after, :failure], do: {kind, [{Garden.Hooks, :write, [file]}]}
  end

config :bloom,
  min_disk_space_mb: String.to_integer(System.get_env("GARDEN_MIN_DISK_SPACE_MB", "500")),
  health_checks: [garden: {Garden.Health, :check, []}],
  hooks: hooks,
  probation_ms: String.to_integer(System.get_env("GARDEN_PROBATION_MS", "300")),
  # As one that has forgotten it: what started its trial ends it.
  restarted_by: nil,
  response_probes: [look: "http://127.0.0.1:#{port}/health"],
  max_response_time_ms: 1000
