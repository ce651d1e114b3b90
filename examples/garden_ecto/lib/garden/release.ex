defmodule Garden.Release do
  @moduledoc "What is done without Mix: `bin/garden eval Garden.Release.migrate`, for the first deployment on a machine."

  @doc "Runs all migrations of this release."
  def migrate do
    Application.load(:garden)

    for repo <- Application.fetch_env!(:garden, :ecto_repos) do
      {:ok, _versions, _apps} = Ecto.Migrator.with_repo(repo, &Ecto.Migrator.run(&1, :up, all: true))
    end
  end
end
