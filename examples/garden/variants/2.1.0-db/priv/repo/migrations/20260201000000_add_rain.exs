defmodule Garden.Repo.Migrations.AddRain do
  use Ecto.Migration

  def change, do: execute("ALTER TABLE store ADD COLUMN rain integer", "ALTER TABLE store DROP COLUMN rain")
end
