defmodule Garden.Repo.Migrations.AddToNowhere do
  use Ecto.Migration

  def change, do: execute("ALTER TABLE nowhere ADD COLUMN hail integer", "SELECT 1")
end
