defmodule Garden.Beds do
  @moduledoc "Counts how often each bed was watered: the state that must survive every upgrade."

  use GenServer

  def start_link(_opts), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  @doc "Waters a bed and returns how often that was done."
  def water(bed), do: GenServer.call(__MODULE__, {:water, bed})

  @doc "How often all beds together were watered."
  def total, do: GenServer.call(__MODULE__, :total)

  @doc "Walks between the beds until called home."
  def stroll, do: receive(do: (:home -> :ok))

  # The state keeps the total beside the counts.
  @impl true
  def init(_args), do: {:ok, %{beds: %{}, total: 0}}

  @impl true
  def handle_call({:water, bed}, _from, %{beds: beds, total: total}) do
    beds = Map.update(beds, bed, 1, &(&1 + 1))
    {:reply, beds[bed], %{beds: beds, total: total + 1}}
  end

  def handle_call(:total, _from, state), do: {:reply, state.total, state}

  @impl true
  def code_change({:down, _vsn}, %{beds: beds}, :by_hand), do: {:ok, beds}
  def code_change(_vsn, beds, :by_hand), do: {:ok, %{beds: beds, total: beds |> Map.values() |> Enum.sum()}}
end
