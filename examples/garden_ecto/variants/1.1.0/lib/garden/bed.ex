defmodule Garden.Bed do
  @moduledoc "A bed, how often it was watered, and how much rain it got."

  use Ecto.Schema

  @primary_key {:name, :string, autogenerate: false}
  schema "beds" do
    field :waterings, :integer, default: 0
    field :rain_mm, :integer, default: 0
  end
end
