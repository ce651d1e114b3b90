defmodule GardenBees do
  @moduledoc "An application that earlier versions do not have, with a process of its own."

  use Application

  @impl true
  def start(_type, _args),
    do: Supervisor.start_link([{Agent, &GardenBees.hum/0}], strategy: :one_for_one, name: __MODULE__)

  @doc false
  def hum, do: Application.fetch_env!(:garden_bees, :hum)
end
