defmodule Bloom.MigrationTracker.Migrator do
  @moduledoc """
  How one library's migrations are listed, run and rolled back. `Bloom.MigrationTracker.Ecto` is the one for Ecto.

  The functions run in a VM beside the node that has a release's code and configuration and has started none of its
  applications, so they start what they need. Own ones are set with the option `database_migrator`.
  """

  @typedoc "A migration by its repo and version, the same in every release."
  @type key :: {repo :: String.t(), version :: non_neg_integer()}

  @typedoc """
  What is asked. `apps` are the applications of the release. `wanted` are the migrations to be run or rolled back, `session`
  is a name for connections, which begins alike (`session_prefix`) for everything that one node ever started. With
  `end_leftovers` a survey first ends what an earlier VM of this node may still be doing.
  """
  @type request :: %{
          required(:apps) => [atom()],
          required(:timeout_ms) => pos_integer(),
          required(:session_prefix) => String.t(),
          required(:session) => String.t(),
          optional(:wanted) => [key()],
          optional(:end_leftovers) => boolean()
        }

  @typedoc "Why it failed, and which of the wanted were done all the same."
  @type failure :: %{
          required(:code) => atom(),
          required(:message) => String.t(),
          required(:suggestions) => [String.t()],
          optional(:done) => [key()]
        }

  @doc "The repos of the release, and every migration that is applied or among its files."
  @callback survey(request()) :: {:ok, Bloom.MigrationTracker.survey()} | {:error, failure()}

  @doc "Runs the wanted migrations, oldest first, and answers those that it ran."
  @callback run(request()) :: {:ok, [key()]} | {:error, failure()}

  @doc "Rolls back the wanted migrations, newest first, and answers those that it rolled back."
  @callback rollback(request()) :: {:ok, [key()]} | {:error, failure()}

  @doc "Texts that must not be shown: passwords, and URLs that hold one."
  @callback secrets(request()) :: [String.t()]
end
