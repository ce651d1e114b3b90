defmodule Bloom.Supervisor do
  @moduledoc "Bloom's supervision tree."

  use Supervisor

  @doc false
  def start_link(_opts), do: Supervisor.start_link(__MODULE__, [], name: __MODULE__)

  @impl true
  def init(_args) do
    Supervisor.init([Bloom.HealthChecker, Bloom.Deployment], strategy: :one_for_one)
  end
end
