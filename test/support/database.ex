defmodule Bloom.Test.Database do
  @moduledoc """
  A real database for the tests that all backends share, and a client of it that is a program of its own, as an
  application's connection is.
  """

  @type t :: map()
  @type client :: term()

  @doc "A new database with the repo that it belongs to (`:repo`, as `Bloom.DatabaseBackup.create/3` takes it)."
  @callback start(tmp_dir :: Path.t()) :: t()

  @doc "The backend that it is for."
  @callback backend() :: module()

  @doc "What its configuration holds and nobody may see."
  @callback secrets(t()) :: [String.t()]

  @doc "A column that counts up by itself and is the primary key."
  @callback serial() :: String.t()

  @doc "A connection, as long as the process lives that opens it."
  @callback connect(t()) :: client()

  @doc "Runs a statement and answers its rows; raises where it fails."
  @callback query(client(), String.t()) :: [[String.t()]]

  @doc "As `c:query/2`, on a connection that was open during a restore: it may connect again, as an application would."
  @callback query_after_restore(client(), String.t()) :: [[String.t()]]

  @doc "Keeps a backup from going on, with the only connection that there is."
  @callback block(client()) :: :ok

  @doc "How many were written where so many statements were: the exact count of rows, or of transactions at least."
  @callback written?(Bloom.DatabaseBackup.Backend.written(), statements :: non_neg_integer()) :: boolean()
end
