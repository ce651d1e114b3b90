defmodule Garden.Repo.Migrations.AddRain do
  use Ecto.Migration

  # With a default, because 1.0.0 goes on inserting beds that know nothing of rain.
  def change do
    alter table(:beds) do
      add :rain_mm, :integer, null: false, default: 0
    end
  end
end
