defmodule Garden.Plant do
  @moduledoc "One of many processes of one module."

  use GenServer

  def start_link(height), do: GenServer.start_link(__MODULE__, height)

  @doc "How high the plant is."
  def height(plant), do: GenServer.call(plant, :height)

  # The state is the height.
  @impl true
  def init(height), do: {:ok, height}

  @impl true
  def handle_call(:height, _from, height), do: {:reply, height, height}
end
