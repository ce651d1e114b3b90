defmodule Garden.Rain do
  @moduledoc """
  Rain on the beds: another view of their table.

  In a module of its own, so that nothing that 1.0.0 asks for changes its shape while requests run: in a hot switch the modules
  are loaded one after the other.
  """

  use Ecto.Schema

  import Ecto.Query, only: [from: 2]

  alias Garden.Repo

  @primary_key {:name, :string, autogenerate: false}
  schema "beds" do
    field :rain_mm, :integer, default: 0
  end

  @doc "Rain on all beds; answers how much fell on them so far."
  def fall(mm) do
    Repo.update_all(__MODULE__, inc: [rain_mm: mm])
    Repo.one!(from bed in __MODULE__, select: sum(bed.rain_mm)) || 0
  end
end
