defmodule Garden.Repo.Migrations.AddSnow do
  use Ecto.Migration

  def change, do: execute("ALTER TABLE store ADD COLUMN snow integer", "ALTER TABLE store DROP COLUMN snow")
end
