defmodule Bloom.HealthChecker.Registry do
  @moduledoc """
  The checks that were registered, in a table that belongs to Bloom's supervisor: what crashes below it takes none along.

  Not in persistent terms: the VM goes through all its processes when one of those is replaced.
  """

  alias Bloom.HealthChecker.Check

  @doc "Makes the table, which belongs to the caller; leaves one that is there."
  @spec create() :: :ok
  def create do
    if :ets.whereis(__MODULE__) == :undefined do
      :ets.new(__MODULE__, [:named_table, :public, read_concurrency: true])
    end

    :ok
  end

  @doc "Keeps a check, in place of one of the same name."
  @spec put(Check.t()) :: :ok | {:error, String.t()}
  def put(%Check{} = check) do
    :ets.insert(__MODULE__, {check.name, check})
    :ok
  rescue
    ArgumentError -> {:error, "Bloom is not running: start the :bloom application before registering checks"}
  end

  @doc "Forgets a check."
  @spec delete(atom()) :: :ok
  def delete(name) do
    :ets.delete(__MODULE__, name)
    :ok
  rescue
    # Without a table there is nothing to forget.
    ArgumentError -> :ok
  end

  @doc "All checks, by name."
  @spec all() :: [Check.t()]
  def all do
    for {_name, check} <- __MODULE__ |> :ets.tab2list() |> Enum.sort_by(&elem(&1, 0)), do: check
  rescue
    ArgumentError -> []
  end
end
