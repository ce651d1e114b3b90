defmodule Garden.Weed do
  @moduledoc "A process that crashes as soon as it lives. Nobody waits for it, and its supervisor reports it."

  use GenServer, restart: :temporary

  def start_link(_opts), do: GenServer.start_link(__MODULE__, nil)

  @doc "Lets a weed sprout among the plants."
  def sprout, do: DynamicSupervisor.start_child(Garden.Plants, __MODULE__)

  @impl true
  def init(nil), do: {:ok, nil, {:continue, :wither}}

  @impl true
  def handle_continue(:wither, _state), do: raise("withered")
end
