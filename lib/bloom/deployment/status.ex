defmodule Bloom.Deployment.Status do
  @moduledoc """
  What the deployment in progress is doing, readable at any time without asking a process.

  The table belongs to `Bloom.Supervisor`, so it outlives every process below it.
  """

  @table __MODULE__

  @type t :: %{
          operation: Bloom.Deployment.operation() | Bloom.Deployment.work(),
          version: String.t() | nil,
          stage: atom(),
          progress: {non_neg_integer(), pos_integer()} | nil,
          elapsed_ms: non_neg_integer(),
          probation_left_ms: non_neg_integer() | nil
        }

  @doc "Makes the table, which belongs to the caller; leaves one that is there."
  @spec create() :: :ok
  def create do
    if :ets.whereis(@table) == :undefined, do: :ets.new(@table, [:named_table, :public, read_concurrency: true])
    :ok
  end

  @doc "Starts a new account. `cancel` is the token that stops long work."
  @spec begin(Bloom.Deployment.operation() | Bloom.Deployment.work(), String.t() | nil, term()) :: :ok
  def begin(operation, version, cancel) do
    put(%{operation: operation, version: version, stage: :starting, progress: nil, cancel: cancel, cancelled: false})
    change(%{started: now(), probation_until: nil})
  end

  @doc "Starts the account of a walk that takes over, which is still who asked's, and still cancelled where it was."
  @spec take_over(Bloom.Deployment.operation(), String.t()) :: :ok
  def take_over(operation, version) do
    kept = %{deployment: fetch(:deployment), cancelled: cancelled?()}
    begin(operation, version, nil)
    change(Map.put(kept, :stage, :recover))
  end

  @doc "Forgets it."
  @spec clear() :: :ok
  def clear do
    :ets.delete_all_objects(@table)
    :ok
  end

  @doc "Tells the stage."
  @spec stage(atom()) :: :ok
  def stage(stage), do: change(%{stage: stage, progress: nil})

  @doc "Tells how much of how much is done."
  @spec progress(non_neg_integer(), pos_integer()) :: :ok
  def progress(done, total), do: change(%{progress: {done, total}})

  @doc "Tells how long the probation has left, in milliseconds."
  @spec probation(non_neg_integer()) :: :ok
  def probation(ms), do: change(%{probation_until: now() + ms})

  @doc "Keeps something for a walk that has to take over, in this life of the VM."
  @spec remember(:before | :rehearsed | :span | :deployment, term()) :: :ok
  def remember(key, value) when key in [:before, :rehearsed, :span, :deployment], do: change(%{key => value})

  @doc "What was kept, or nil."
  @spec remembered(:before | :rehearsed | :span | :deployment) :: term()
  def remembered(key), do: if(:ets.whereis(@table) != :undefined, do: fetch(key))

  @doc "Asks the walk to stop; returns what stops long work."
  @spec cancel() :: term()
  def cancel do
    change(%{cancelled: true})
    fetch(:cancel)
  end

  @doc "Whether the walk was asked to stop."
  @spec cancelled?() :: boolean()
  def cancelled?, do: fetch(:cancelled) == true

  @doc "What is going on."
  @spec get() :: :idle | t()
  def get do
    case Map.new(rows()) do
      %{operation: _, started: started} = row ->
        row
        |> Map.take([:operation, :version, :stage, :progress])
        |> Map.put(:elapsed_ms, now() - started)
        |> Map.put(:probation_left_ms, row.probation_until && max(row.probation_until - now(), 0))

      _none ->
        :idle
    end
  end

  # Without Bloom there is no table.
  defp rows, do: if(:ets.whereis(@table) == :undefined, do: [], else: :ets.tab2list(@table))

  defp put(row) do
    :ets.delete_all_objects(@table)
    change(row)
  end

  defp change(fields) do
    :ets.insert(@table, Map.to_list(fields))
    :ok
  end

  defp fetch(key) do
    case :ets.lookup(@table, key) do
      [{^key, value}] -> value
      [] -> nil
    end
  end

  defp now, do: System.monotonic_time(:millisecond)
end
