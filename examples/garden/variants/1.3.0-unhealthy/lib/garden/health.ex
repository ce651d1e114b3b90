defmodule Garden.Health do
  @moduledoc "Whether the garden is well. It is not."

  @doc "The health check that Bloom asks."
  def check, do: {:error, :drought}
end
