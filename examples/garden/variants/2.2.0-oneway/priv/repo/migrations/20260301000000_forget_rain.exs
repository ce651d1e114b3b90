defmodule Garden.Repo.Migrations.ForgetRain do
  use Ecto.Migration

  def up, do: execute("ALTER TABLE store DROP COLUMN rain")
end
