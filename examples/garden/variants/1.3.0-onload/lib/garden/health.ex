defmodule Garden.Health do
  @moduledoc "Whether the garden is well. Nobody will know."

  @on_load :refuse

  @doc false
  def refuse, do: {:error, :no_licence}

  @doc "The health check that Bloom asks."
  def check, do: :ok
end
