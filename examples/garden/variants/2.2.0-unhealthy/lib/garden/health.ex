defmodule Garden.Health do
  @moduledoc "Whether the garden is well. It is not."

  @doc "The health check that Bloom asks."
  def check, do: {:error, :drought}

  @doc "A look at the beds, which Bloom times."
  def look, do: Garden.Beds.total()
end
