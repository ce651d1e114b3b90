# The repo of ecto_test.exs where Ecto is in the code path: on a PostgreSQL of the tests.

defmodule Library.Repo do
  use Ecto.Repo, otp_app: :contract, adapter: Ecto.Adapters.Postgres
end
