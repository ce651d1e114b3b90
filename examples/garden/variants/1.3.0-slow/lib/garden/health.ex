defmodule Garden.Health do
  @moduledoc "Whether the garden is well, which takes long to see."

  @doc "The health check that Bloom asks."
  def check, do: :ok

  @doc "A look at the beds, which Bloom times: round by the far end of the garden."
  def look do
    receive do
      :shortcut -> Garden.Beds.total()
    after
      2000 -> Garden.Beds.total()
    end
  end
end
