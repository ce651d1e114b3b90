defmodule Garden.Plants do
  @moduledoc "As many plants as are wanted."

  use DynamicSupervisor

  def start_link(_opts), do: DynamicSupervisor.start_link(__MODULE__, [], name: __MODULE__)

  @doc "Lets `count` more plants grow, with heights from 1."
  def grow(count) do
    for height <- 1..count//1, do: {:ok, _pid} = DynamicSupervisor.start_child(__MODULE__, {Garden.Plant, height})
    :ok
  end

  @impl true
  def init(_args), do: DynamicSupervisor.init(strategy: :one_for_one)
end
