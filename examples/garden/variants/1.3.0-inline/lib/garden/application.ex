defmodule Garden.Application do
  @moduledoc false

  use Application

  @impl true
  def start(_type, _args) do
    Supervisor.start_link([Garden.Supervisor], strategy: :one_for_one)
  end
end
