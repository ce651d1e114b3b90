defmodule Garden.Repo.Migrations.AddSnow do
  use Ecto.Migration

  # Its second statement fails: there are no sheds.
  def up do
    execute "ALTER TABLE beds ADD COLUMN snow_mm integer"
    execute "ALTER TABLE sheds ADD COLUMN snow_mm integer"
  end

  def down do
    execute "ALTER TABLE beds DROP COLUMN snow_mm"
  end
end
