defmodule Garden.Store do
  @moduledoc "What the garden keeps in its database, with the columns that this version knows."

  alias Garden.Repo

  @columns "name, water"

  @doc "Puts something in."
  def put(name), do: Repo.query!("INSERT INTO store (#{@columns}) VALUES ($1, 1)", [name]) && "stored"

  @doc "All of it, a line each; fails where the schema is not this version's."
  def all, do: Enum.map_join(Repo.query!("SELECT #{@columns} FROM store ORDER BY name").rows, "\n", &Enum.join(&1, " "))
end
