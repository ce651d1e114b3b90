defmodule Garden.Application do
  @moduledoc false

  use Application

  @impl true
  def start(_type, _args), do: Garden.Supervisor.start_link([])
end
