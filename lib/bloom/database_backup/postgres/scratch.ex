defmodule Bloom.DatabaseBackup.Postgres.Scratch do
  @moduledoc "Proves a dump by restoring it into a database that is dropped afterwards."

  alias Bloom.DatabaseBackup.Backend
  alias Bloom.DatabaseBackup.Postgres.{Connection, Fresh, Tools}
  alias Bloom.{Error, Native}

  @doc "Restores it and compares the number of rows of each table."
  @spec verify(Connection.t(), Tools.t(), Path.t(), Backend.dump(), Native.watch()) :: :ok | {:error, Error.t()}
  def verify(connection, tools, file, dump, watch) do
    Fresh.exclusively(connection, fn manage ->
      name = Fresh.name(connection, "scratch")

      with :ok <- Fresh.create(manage, connection, name) do
        result = Fresh.fill(Connection.to(connection, name), tools, file, dump, watch: watch, arguments: arguments())
        # Not cancelled with the rest: nothing is to be left.
        with :ok <- Fresh.drop(manage, name), do: result
      end
    end)
  end

  # One transaction takes one id, which is as much as is counted as written since the dump. Whose it all is does not
  # matter for what is dropped at once.
  defp arguments, do: ~w(--single-transaction --no-owner --no-privileges)
end
