# What Ecto, Postgrex and DBConnection raise, as far as Bloom tells one from the other.

defmodule Ecto.MigrationError do
  defexception [:message]
end

defmodule Postgrex.Error do
  defexception [:message, :postgres]
end

defmodule DBConnection.ConnectionError do
  defexception [:message]
end
