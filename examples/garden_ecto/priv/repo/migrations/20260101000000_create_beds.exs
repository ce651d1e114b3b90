defmodule Garden.Repo.Migrations.CreateBeds do
  use Ecto.Migration

  def change do
    create table(:beds, primary_key: false) do
      add :name, :string, primary_key: true
      add :waterings, :integer, null: false, default: 0
    end
  end
end
