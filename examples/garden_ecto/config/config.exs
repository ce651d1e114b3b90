import Config

config :garden, ecto_repos: [Garden.Repo]
config :logger, level: :info
