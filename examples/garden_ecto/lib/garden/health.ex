defmodule Garden.Health do
  @moduledoc "Whether the garden is well."

  @doc "The health check that Bloom asks: the database answers what the code asks of it."
  def check do
    Garden.Beds.total()
    :ok
  rescue
    error -> {:error, error}
  end
end
