defmodule Garden.Bed do
  @moduledoc "A bed and how often it was watered."

  use Ecto.Schema

  @primary_key {:name, :string, autogenerate: false}
  schema "beds" do
    field :waterings, :integer, default: 0
  end
end
