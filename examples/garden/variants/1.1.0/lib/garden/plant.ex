defmodule Garden.Plant do
  @moduledoc "One of many processes of one module."

  use GenServer

  def start_link(height), do: GenServer.start_link(__MODULE__, height)

  @doc "How high the plant is."
  def height(plant), do: GenServer.call(plant, :height)

  # The state has a unit.
  @impl true
  def init(height), do: {:ok, {height, :cm}}

  @impl true
  def handle_call(:height, _from, {height, :cm} = state), do: {:reply, height, state}

  @impl true
  def code_change({:down, _vsn}, {height, :cm}, _extra), do: {:ok, height}
  def code_change(_vsn, height, _extra), do: {:ok, {height, :cm}}
end
