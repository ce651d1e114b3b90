defmodule Garden.Health do
  @moduledoc "Whether the garden is well."

  @doc "The health check that Bloom asks."
  def check, do: :ok
end
