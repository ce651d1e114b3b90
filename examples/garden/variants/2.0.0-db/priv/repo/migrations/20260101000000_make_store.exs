defmodule Garden.Repo.Migrations.MakeStore do
  use Ecto.Migration

  def change, do: execute("CREATE TABLE store (name text PRIMARY KEY, water integer NOT NULL)", "DROP TABLE store")
end
