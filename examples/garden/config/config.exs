import Config

config :garden, soil: "loam"
