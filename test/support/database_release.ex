defmodule Bloom.Test.DatabaseRelease do
  @moduledoc "A version of garden that has a database: deployed, with a database of its own on the test server, started."

  alias Bloom.Test.{Garden, Node, Postgres}

  @first "2.0.0-db"

  @doc "What tells garden of a database."
  @spec env(keyword()) :: [{String.t(), String.t()}]
  def env(config) do
    [
      {"GARDEN_SOCKET_DIR", config[:socket_dir]},
      {"GARDEN_DATABASE", config[:database]},
      {"GARDEN_DATABASE_USER", config[:username]},
      {"GARDEN_DATABASE_PASSWORD", config[:password] || ""}
    ]
  end

  @doc "Starts the first version in `root` and has it run its own migration. `env` is added to its environment."
  @spec start!(Path.t(), keyword(), keyword()) :: Node.t()
  def start!(root, config, opts \\ []) do
    Node.deploy(Garden.archive(@first), root)
    {:ok, node} = Node.start(root, Keyword.update(opts, :env, env(config), &(env(config) ++ &1)))
    {:ok, [%{name: "make_store"}]} = Node.rpc(node, Bloom.MigrationTracker, :run_pending_migrations, [])
    node
  end

  @doc "The migrations that are applied, by the database itself."
  @spec applied(keyword()) :: [String.t()]
  def applied(config) do
    config |> Postgres.query!("SELECT version FROM schema_migrations ORDER BY version") |> List.flatten()
  end
end
