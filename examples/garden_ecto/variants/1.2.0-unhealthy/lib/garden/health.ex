defmodule Garden.Health do
  @moduledoc "Whether the garden is well: it is not."

  @doc "The health check that Bloom asks."
  def check, do: {:error, :too_much_rain}
end
