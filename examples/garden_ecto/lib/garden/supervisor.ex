defmodule Garden.Supervisor do
  @moduledoc "The garden's children, in a module of their own, where an upgrade can compare them."

  use Supervisor

  def start_link(_opts), do: Supervisor.start_link(__MODULE__, [], name: __MODULE__)

  @impl true
  def init(_args), do: Supervisor.init([Garden.Repo, Garden.Web], strategy: :one_for_one)
end
