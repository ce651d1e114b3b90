defmodule Bloom.Metadata.History do
  @moduledoc "The deployments that were, and what follows from them."

  alias Bloom.Error
  alias Bloom.Metadata.{Journal, Store}

  @doc "The latest deployment that has not ended."
  @spec unfinished() :: {:ok, map() | nil} | {:error, Error.t()}
  def unfinished do
    with {:ok, deployments} <- Journal.select("WHERE outcome IS NULL ORDER BY id DESC LIMIT 1", []) do
      {:ok, List.first(deployments)}
    end
  end

  @doc "Deployments, newest first."
  @spec all(pos_integer()) :: {:ok, [map()]} | {:error, Error.t()}
  def all(limit), do: Journal.select("ORDER BY id DESC LIMIT ?1", [limit])

  @doc "One deployment."
  @spec one(pos_integer()) :: {:ok, map()} | {:error, Error.t()}
  def one(id) do
    case Journal.select("WHERE id = ?1", [id]) do
      {:ok, [deployment]} ->
        {:ok, deployment}

      {:ok, []} ->
        {:error,
         Error.new(:not_in_journal, "There is no deployment #{id}", suggestions: ["see the history for those there are"])}

      {:error, error} ->
        {:error, error}
    end
  end

  @doc "The version that a rollback goes back to, or will when `open`, a deployment that has not ended, is committed."
  @spec rollback_target(map() | nil) :: {:ok, String.t()} | {:error, Error.t()}
  def rollback_target(open \\ nil) do
    committed =
      "SELECT operation, from_version FROM deployments " <>
        "WHERE outcome = 'committed' AND operation IN ('switch', 'rollback') ORDER BY id"

    with {:ok, rows} <- Store.query(committed), do: (rows ++ row(open)) |> replay() |> top()
  end

  @doc false
  def failed_trial(version) do
    condition =
      "WHERE version = ?1 AND (outcome IN ('committed', 'removed') " <>
        "OR mode = 'restart' AND outcome IN ('taken_back', 'failed')) ORDER BY id DESC"

    with {:ok, deployments} <- Journal.select(condition, [version]) do
      case Enum.find(deployments, &(&1.outcome in [:committed, :removed] or tried?(&1))) do
        %{outcome: failed} = deployment when failed in [:taken_back, :failed] ->
          {:ok, %{at: deployment.started_at, reason: deployment.reason}}

        _passed_or_never_tried ->
          {:ok, nil}
      end
    end
  end

  # The boot guard had it boot, or Bloom was up in it. What was interrupted before that says nothing of the release.
  defp tried?(%{facts: facts, steps: steps}),
    do: is_map_key(facts, :trial_booted) or Enum.any?(steps, &match?(%{step: :probation, phase: :run}, &1))

  @doc """
  The versions that a rollback goes back to, one after the other.

      iex> Bloom.Metadata.History.replay([["switch", "1.0.0"], ["switch", "1.1.0"], ["rollback", "1.2.0"]])
      ["1.0.0"]
  """
  @spec replay([[String.t()]]) :: [String.t()]
  def replay(rows) do
    Enum.reduce(rows, [], fn
      ["switch", nil], stack -> stack
      ["switch", from], stack -> [from | stack]
      ["rollback", _from], stack -> Enum.drop(stack, 1)
    end)
  end

  defp row(%{operation: operation, from_version: from}) when operation in [:switch, :rollback],
    do: [[Atom.to_string(operation), from]]

  defp row(_none_or_no_switch), do: []

  defp top([version | _older]), do: {:ok, version}

  defp top([]) do
    {:error,
     Error.new(:no_rollback_target, "There is no release to roll back to", suggestions: ["switch to a version by name"])}
  end
end
