defmodule Garden.Weather do
  @moduledoc "A child that does not start."

  use Agent

  def start_link(_opts), do: {:error, :storm}

  @doc false
  def forecast, do: "none"
end
