defmodule Bloom.Metadata.Journal do
  @moduledoc "What is written of a deployment before and after each of its steps, and how it is read."

  alias Bloom.Error
  alias Bloom.Metadata.{Rows, Store}

  # Plans are large, and nobody asks for those of long ago.
  @plans_kept 200

  @columns %{mode: "mode", plan: "plan", facts: "facts"}

  @doc "Writes that a deployment begins."
  @spec start_deployment(map()) :: {:ok, pos_integer()} | {:error, Error.t()}
  def start_deployment(%{operation: operation, version: version} = attributes) do
    values = [
      Rows.word(operation),
      version,
      attributes[:from_version],
      Rows.text(attributes[:requested_by]),
      Rows.blob(attributes[:facts] || %{}),
      now()
    ]

    insert =
      "INSERT INTO deployments (operation, version, from_version, requested_by, facts, started_at) " <>
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id"

    forget =
      "UPDATE deployments SET plan = NULL WHERE plan IS NOT NULL AND id <= (SELECT max(id) FROM deployments) - ?1"

    with {:ok, [[[id]], []]} <- Store.transaction([{insert, values}, {forget, [@plans_kept]}]), do: {:ok, id}
  end

  @doc "Replaces mode, plan or facts of a deployment."
  @spec update_deployment(pos_integer(), map()) :: :ok | {:error, Error.t()}
  def update_deployment(id, changes) do
    {names, values} = changes |> Enum.map(&change/1) |> Enum.unzip()
    set = names |> Enum.with_index(2) |> Enum.map_join(", ", fn {name, index} -> "#{name} = ?#{index}" end)
    update("UPDATE deployments SET #{set} WHERE id = ?1 RETURNING id", [id | values], {"deployment", id})
  end

  @doc "Writes how a deployment has ended."
  @spec finish_deployment(pos_integer(), atom(), String.t() | nil) :: :ok | {:error, Error.t()}
  def finish_deployment(id, outcome, reason) do
    update(
      "UPDATE deployments SET outcome = ?2, reason = ?3, finished_at = ?4 WHERE id = ?1 RETURNING id",
      [id, Rows.word(outcome), Rows.text(reason), now()],
      {"deployment", id}
    )
  end

  @doc "Writes that a step begins."
  @spec start_step(pos_integer(), atom(), :run | :undo) :: {:ok, pos_integer()} | {:error, Error.t()}
  def start_step(deployment_id, step, phase) do
    insert = "INSERT INTO steps (deployment, step, phase, started_at) VALUES (?1, ?2, ?3, ?4) RETURNING id"
    values = [deployment_id, Rows.word(step), Rows.word(phase), now()]
    with {:ok, [[id]]} <- Store.query(insert, values), do: {:ok, id}
  end

  @doc "Writes what came of a step, with the facts of its deployment in the same transaction."
  @spec finish_step(pos_integer(), :ok | {:error, String.t()}, map() | nil) :: :ok | {:error, Error.t()}
  def finish_step(id, result, facts) do
    {result, reason} = with :ok <- result, do: {:ok, nil}

    finish =
      {"UPDATE steps SET result = ?2, reason = ?3, finished_at = ?4 WHERE id = ?1 RETURNING id",
       [id, Rows.word(result), Rows.text(reason), now()]}

    with {:ok, [rows | _facts]} <- Store.transaction([finish | set_facts(id, facts)]), do: found(rows, {"step", id})
  end

  @doc "Deployments that a condition selects, with their steps in order."
  @spec select(String.t(), [term()]) :: {:ok, [map()]} | {:error, Error.t()}
  def select(condition, params) do
    steps =
      "SELECT #{Rows.step_columns()} FROM steps WHERE deployment IN (SELECT id FROM deployments #{condition}) ORDER BY id"

    with {:ok, rows} <- Store.query("SELECT #{Rows.columns()} FROM deployments #{condition}", params),
         {:ok, step_rows} <- Store.query(steps, params) do
      Rows.deployments(rows, step_rows)
    end
  end

  defp change({:mode, mode}), do: {@columns.mode, Rows.word(mode)}
  defp change({name, term}), do: {Map.fetch!(@columns, name), Rows.blob(term)}

  defp set_facts(_step, nil), do: []

  defp set_facts(step, facts) do
    sql = "UPDATE deployments SET facts = ?2 WHERE id = (SELECT deployment FROM steps WHERE id = ?1)"
    [{sql, [step, Rows.blob(facts)]}]
  end

  defp update(sql, params, what) do
    with {:ok, rows} <- Store.query(sql, params), do: found(rows, what)
  end

  defp found([[_id]], _what), do: :ok

  defp found([], {what, id}) do
    {:error, Error.new(:not_in_journal, "the journal knows no #{what} #{id}", suggestions: ["start it first"])}
  end

  defp now, do: System.system_time(:microsecond)
end
