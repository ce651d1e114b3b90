defmodule Garden.Beds do
  @moduledoc "Counts how often each bed was watered: the state that must survive every upgrade."

  use GenServer

  defstruct beds: %{}, total: 0, last: nil

  def start_link(_opts), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  @doc "Waters a bed and returns how often that was done."
  def water(bed), do: GenServer.call(__MODULE__, {:water, bed})

  @doc "How often all beds together were watered."
  def total, do: GenServer.call(__MODULE__, :total)

  @doc "Walks between the beds until called home."
  def stroll, do: receive(do: (:home -> :ok))

  # The state is a struct that remembers the last bed.
  @impl true
  def init(_args), do: {:ok, %__MODULE__{}}

  @impl true
  def handle_call({:water, bed}, _from, state) do
    beds = Map.update(state.beds, bed, 1, &(&1 + 1))
    {:reply, beds[bed], %{state | beds: beds, total: state.total + 1, last: bed}}
  end

  def handle_call(:total, _from, state), do: {:reply, state.total, state}

  @impl true
  def code_change({:down, _vsn}, state, _extra), do: {:ok, Map.take(state, [:beds, :total])}
  def code_change(_vsn, state, _extra), do: {:ok, struct!(__MODULE__, state)}
end
