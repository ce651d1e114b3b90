defmodule Garden.Beds do
  @moduledoc "What can be done with beds: every call is a query."

  alias Garden.{Bed, Repo}

  @doc "Waters a bed and answers how often that was done now."
  def water(name) do
    Repo.insert!(%Bed{name: name, waterings: 1},
      on_conflict: [inc: [waterings: 1]],
      conflict_target: :name,
      returning: [:waterings]
    ).waterings
  end

  @doc "How often all beds were watered."
  def total, do: Repo.aggregate(Bed, :sum, :waterings) || 0
end
