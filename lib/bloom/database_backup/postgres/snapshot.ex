defmodule Bloom.DatabaseBackup.Postgres.Snapshot do
  @moduledoc """
  One moment of a database, held while it is dumped: the dump, the number of rows and the position among the transactions
  are all of this moment.
  """

  alias Bloom.DatabaseBackup.Postgres.{Client, Connection, Session}
  alias Bloom.Error

  @typedoc "Behind `xmax` no transaction had ended, and before it all but `open`."
  @type t :: %{
          id: String.t(),
          server: non_neg_integer(),
          system: String.t(),
          xmax: non_neg_integer(),
          open: non_neg_integer(),
          bytes: non_neg_integer(),
          extensions: [String.t()]
        }

  @position """
  SELECT current_setting('server_version_num'), c.system_identifier, txid_snapshot_xmax(s),
    (SELECT count(*) FROM txid_snapshot_xip(s))
  FROM txid_current_snapshot() s, pg_control_system() c;
  """

  @moment """
  BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
  #{@position}
  SELECT pg_export_snapshot(), pg_database_size(current_database()),
    (SELECT string_agg(encode(convert_to(extname, 'UTF8'), 'hex'), ' ') FROM pg_extension);
  """

  @doc "Holds the moment as long as the function runs."
  @spec hold(Connection.t(), (t() -> result)) :: result | {:error, Error.t()} when result: term()
  def hold(connection, fun) do
    Session.with_session(connection, "dump #{connection.database}", fn session ->
      with {:ok, [position, [id, bytes, extensions]]} <- Session.ask(session, @moment) do
        fun.(
          Map.merge(position(position), %{
            id: id,
            bytes: String.to_integer(bytes),
            extensions: for(hex <- String.split(extensions), do: Base.decode16!(hex, case: :lower))
          })
        )
      end
    end)
  end

  @doc """
  How many transactions have ended since the moment, of those with an id; those that only read have none.

  Ids are given out for all databases of a server, so this is an upper bound of what was committed to this one.
  """
  @spec since(Connection.t(), %{system: String.t(), xmax: non_neg_integer(), open: non_neg_integer()}) ::
          {:ok, non_neg_integer() | :unknown} | {:error, Error.t()}
  def since(connection, then) do
    with {:ok, [position]} <- Client.rows(connection, "see what was written to #{connection.database}", @position) do
      now = position(position)
      same = now.system == then.system and now.xmax >= then.xmax
      {:ok, if(same, do: now.xmax - then.xmax + then.open, else: :unknown)}
    end
  end

  defp position([version, system, xmax, open]) do
    %{server: major(version), system: system, xmax: String.to_integer(xmax), open: String.to_integer(open)}
  end

  # 150018 is 15.18, and 90624 was 9.6.24.
  defp major(version), do: div(String.to_integer(version), 10_000)
end
