defmodule Garden.Beds do
  @moduledoc "What can be done with beds: every call is a query."

  import Ecto.Query, only: [from: 2]

  alias Garden.{Bed, Repo}

  @doc "Waters a bed and answers how often that was done now."
  def water(name) do
    Repo.insert!(%Bed{name: name, waterings: 1},
      on_conflict: [inc: [waterings: 1]],
      conflict_target: :name,
      returning: [:waterings, :rain_mm]
    ).waterings
  end

  @doc "How often all beds were watered."
  def total, do: Repo.aggregate(Bed, :sum, :waterings) || 0

  @doc "Rain on all beds; answers how much fell on them so far."
  def rain(mm) do
    Repo.update_all(Bed, inc: [rain_mm: mm])
    Repo.one!(from bed in Bed, select: sum(bed.rain_mm)) || 0
  end
end
