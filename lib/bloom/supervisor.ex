defmodule Bloom.Supervisor do
  @moduledoc "Bloom's supervision tree."

  use Supervisor

  @doc false
  def start_link(_opts), do: Supervisor.start_link(__MODULE__, [], name: __MODULE__)

  @impl true
  def init(_args) do
    Bloom.Deployment.Status.create()
    Bloom.HealthChecker.Registry.create()
    Bloom.Telemetry.Dispatcher.create()
    Bloom.RPC.Throttle.create()

    Supervisor.init([Bloom.Telemetry.Dispatcher, Bloom.SafetyMonitor, Bloom.Deployment],
      strategy: :one_for_one,
      max_restarts: 10
    )
  end
end
