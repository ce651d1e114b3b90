defmodule Garden.Weather do
  @moduledoc "A child that earlier versions do not have."

  use Agent

  def start_link(_opts), do: Agent.start_link(__MODULE__, :forecast, [], name: __MODULE__)

  @doc false
  def forecast, do: "mild"
end
