defmodule Bloom.Metadata.Records do
  @moduledoc "Records beside the journal: migrations and backups of a version, and who asked for what."

  alias Bloom.Error
  alias Bloom.Metadata.{Rows, Store}

  @audited 100_000

  @doc "Saves a record of a version in one of the tables `migrations` and `backups`."
  @spec save(String.t(), String.t(), map()) :: :ok | {:error, Error.t()}
  def save(table, version, info) when table in ["migrations", "backups"] do
    insert = "INSERT INTO #{table} (version, info, saved_at) VALUES (?1, ?2, ?3)"
    with {:ok, []} <- Store.query(insert, [version, Rows.blob(info), now()]), do: :ok
  end

  @doc "The records of a version, newest first."
  @spec all(String.t(), String.t()) :: {:ok, [map()]} | {:error, Error.t()}
  def all(table, version) when table in ["migrations", "backups"] do
    select = "SELECT info FROM #{table} WHERE version = ?1 ORDER BY id DESC"
    with {:ok, rows} <- Store.query(select, [version]), do: Rows.map(rows, fn [info] -> Rows.term(info) end)
  end

  @doc "The records of all versions, oldest first, each with its version."
  @spec every(String.t()) :: {:ok, [{String.t(), map()}]} | {:error, Error.t()}
  def every(table) when table in ["migrations", "backups"] do
    with {:ok, rows} <- Store.query("SELECT version, info FROM #{table} ORDER BY id"),
         do: Rows.map(rows, fn [version, info] -> {version, Rows.term(info)} end)
  end

  @doc "Writes who asked for what, and what was answered."
  @spec audit(map()) :: :ok | {:error, Error.t()}
  def audit(%{who: who, operation: operation, arguments: arguments, result: result}) do
    entry = %{
      at: now(),
      who: Rows.text(who),
      operation: to_string(operation),
      arguments: binary(arguments),
      result: binary(result)
    }

    Store.audit(entry, @audited)
  end

  @doc "Looks whether the audit log is as it was written, and goes on from a row with a digest that somebody has noted."
  @spec verify_audit(String.t() | nil) :: {:ok, map()} | {:error, Error.t()}
  def verify_audit(noted) do
    with {:ok, %{fault: fault} = verdict} <- Store.verify_audit(@audited) do
      cond do
        fault -> {:error, broken(fault)}
        noted == nil -> {:ok, Map.delete(verdict, :fault)}
        true -> with :ok <- find(noted), do: {:ok, Map.delete(verdict, :fault)}
      end
    end
  end

  defp find(noted) do
    select = "SELECT 1 FROM audit WHERE digest = ?1 UNION SELECT 1 FROM audit_chain WHERE base = ?1"

    with {:ok, digest} <- Base.decode16(noted, case: :lower),
         {:ok, [_found]} <- Store.query(select, [{:blob, digest}]) do
      :ok
    else
      {:error, error} -> {:error, error}
      _none -> {:error, not_in_the_log(noted)}
    end
  end

  defp not_in_the_log(noted) do
    Error.new(:audit_broken, "the audit log does not go on from the row with the digest #{noted}",
      details: %{noted: noted},
      suggestions: [
        "it is another log, or the row was forgotten as #{@audited} came after it: compare with a copy of bloom.db"
      ]
    )
  end

  defp broken(%{row: row, why: why}) do
    Error.new(:audit_broken, "the audit log is not as Bloom has written it, at row #{row}: #{why}",
      details: %{row: row, why: why},
      suggestions: ["compare bloom.db with a copy of it, and find out who can write the file"]
    )
  end

  defp binary(term) do
    {:blob, binary} = Rows.blob(term)
    binary
  end

  @doc "Who asked for what, newest first."
  @spec get_audit(pos_integer()) :: {:ok, [map()]} | {:error, Error.t()}
  def get_audit(limit) do
    select = "SELECT id, at, who, operation, arguments, result FROM audit ORDER BY id DESC LIMIT ?1"

    with {:ok, rows} <- Store.query(select, [limit]) do
      Rows.map(rows, fn [id, at, who, operation, arguments, result] ->
        %{
          id: id,
          at: Rows.time(at),
          who: who,
          operation: operation,
          arguments: Rows.term(arguments),
          result: Rows.term(result)
        }
      end)
    end
  end

  defp now, do: System.system_time(:microsecond)
end
