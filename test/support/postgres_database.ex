defmodule Bloom.Test.PostgresDatabase do
  @moduledoc "A PostgreSQL database of a user with a password, and `psql` as its client."

  @behaviour Bloom.Test.Database

  alias Bloom.Test.Postgres

  @password "hunter2 is 'secret'"
  @end_of_answer "-- end of answer --"

  @impl true
  def start(_tmp_dir) do
    owner = Postgres.role!(with: "CREATEDB", password: String.replace(@password, "'", "''"))
    config = Keyword.put(Postgres.database!(owner: owner), :password, @password)
    %{repo: %{repo: "Garden.Repo", app: "garden", adapter: "Ecto.Adapters.Postgres", config: config}}
  end

  @impl true
  def backend, do: Bloom.DatabaseBackup.Postgres

  @impl true
  def secrets(_database), do: [@password, "hunter2"]

  @impl true
  def serial, do: "id SERIAL PRIMARY KEY"

  # The connection is that of the process, which may have to replace it.
  @impl true
  def connect(%{repo: %{config: config}}) do
    client = {make_ref(), config}
    open(client)
    client
  end

  @impl true
  def query(client, statement) do
    port = Process.get(client)
    true = Port.command(port, [statement, ";\n\\echo ", @end_of_answer, "\n"])
    answer(port, "")
  end

  @impl true
  def query_after_restore(client, statement) do
    query(client, statement)
  catch
    :closed ->
      open(client)
      query(client, statement)
  end

  @impl true
  def block(client) do
    query(client, "BEGIN")
    query(client, "LOCK TABLE plants IN ACCESS EXCLUSIVE MODE")
    :ok
  end

  # Other databases of the server have transactions as well.
  @impl true
  def written?(%{count: count, unit: :transactions}, statements), do: count >= statements

  defp open({_ref, config} = client) do
    port = Postgres.connect!(config)
    true = Port.command(port, "\\pset fieldsep '\\t'\n")
    Process.put(client, port)
  end

  defp answer(port, said) do
    receive do
      {^port, {:data, more}} ->
        said = said <> more
        if String.ends_with?(said, @end_of_answer <> "\n"), do: rows(said), else: answer(port, said)

      {^port, {:exit_status, _status}} ->
        throw(:closed)
    end
  end

  defp rows(said) do
    lines = said |> String.split("\n", trim: true) |> Enum.drop(-1)
    if Enum.any?(lines, &(&1 =~ "ERROR:")), do: raise(said)
    Enum.map(lines, &String.split(&1, "\t"))
  end
end
