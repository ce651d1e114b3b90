import Config

config :garden, well: System.fetch_env!("GARDEN_WELL_THAT_NOBODY_DUG")
