defmodule Bloom.Test.SQLiteDatabase do
  @moduledoc "A SQLite database with a WAL, and `native/bloom_core/examples/sql.rs` as its client."

  @behaviour Bloom.Test.Database

  @impl true
  def start(tmp_dir) do
    database = %{repo: repo(Path.join(tmp_dir, "the garden's.db"))}
    client = connect(database)
    query(client, "PRAGMA journal_mode = WAL")
    Port.close(client)
    database
  end

  @impl true
  def backend, do: Bloom.DatabaseBackup.SQLite

  @impl true
  def secrets(_database), do: ["hunter2"]

  @impl true
  def serial, do: "id INTEGER PRIMARY KEY AUTOINCREMENT"

  @impl true
  def connect(%{repo: %{config: config}}), do: open(config[:database])

  @impl true
  def query(port, statement) do
    true = Port.command(port, [String.replace(statement, "\n", " "), "\n"])
    rows(port, [])
  end

  @impl true
  def query_after_restore(port, statement), do: query(port, statement)

  # Without a WAL the one who writes keeps everybody from reading.
  @impl true
  def block(port) do
    [["delete"]] = query(port, "PRAGMA journal_mode = DELETE")
    query(port, "BEGIN EXCLUSIVE")
    :ok
  end

  @impl true
  def written?(%{count: count, unit: :rows}, statements), do: count == statements

  defp repo(path) do
    config = [database: path, password: "hunter2", journal_mode: :wal]
    %{repo: "Garden.Repo", app: "garden", adapter: "Ecto.Adapters.SQLite3", config: config}
  end

  defp open(path) do
    Port.open({:spawn_executable, client()}, [:binary, :exit_status, :hide, {:line, 65_536}, args: [path]])
  end

  # Built once for each run of the suite.
  defp client do
    with nil <- :persistent_term.get(__MODULE__, nil) do
      {_output, 0} = System.cmd("cargo", ~w(build --quiet --package bloom_core --example sql), stderr_to_stdout: true)

      path = Path.expand(Path.join(System.get_env("CARGO_TARGET_DIR", "target"), "debug/examples/sql"))
      :persistent_term.put(__MODULE__, path)
      path
    end
  end

  defp rows(port, rows) do
    receive do
      {^port, {:data, {:eol, "ok"}}} -> Enum.reverse(rows)
      {^port, {:data, {:eol, "error " <> why}}} -> raise why
      {^port, {:data, {:eol, row}}} -> rows(port, [String.split(row, "\t") | rows])
      {^port, {:exit_status, status}} -> raise "the client ended with status #{status}"
    end
  end
end
