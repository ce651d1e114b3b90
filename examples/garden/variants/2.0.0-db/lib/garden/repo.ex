defmodule Garden.Repo do
  @moduledoc "The garden's database."

  use Ecto.Repo, otp_app: :garden, adapter: Ecto.Adapters.Postgres
end
