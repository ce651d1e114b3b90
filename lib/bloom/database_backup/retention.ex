defmodule Bloom.DatabaseBackup.Retention do
  @moduledoc "Which backups are kept: the newest `database_backup_retention_count`, and always the one just made."

  require Logger

  alias Bloom.Config
  alias Bloom.DatabaseBackup.Directory

  @doc "Removes what is too much. What cannot be removed is in the log, and tried again after the next backup."
  @spec apply(Path.t(), map()) :: :ok
  def apply(path, made) do
    case Directory.list(path) do
      {:ok, {backups, _unreadable}} ->
        backups |> surplus(made, Config.get_valid(:database_backup_retention_count)) |> Enum.each(&remove/1)

      {:error, error} ->
        Logger.warning("Bloom: no old backup could be removed: #{error.message}")
    end
  end

  defp remove(old) do
    case Directory.remove(old) do
      :ok -> Logger.info("Bloom: removed the backup #{old.id}")
      {:error, error} -> Logger.warning("Bloom: the backup #{old.id} could not be removed: #{error.message}")
    end
  end

  @doc """
  The backups that are too many, of all that there are, newest first.

      iex> backups = [%{id: "c"}, %{id: "b"}, %{id: "a"}]
      iex> Bloom.DatabaseBackup.Retention.surplus(backups, %{id: "c"}, 2)
      [%{id: "a"}]
      iex> Bloom.DatabaseBackup.Retention.surplus(backups, %{id: "a"}, 2)
      [%{id: "b"}]
  """
  @spec surplus([map()], map(), pos_integer()) :: [map()]
  def surplus(backups, made, count) do
    backups |> Enum.reject(&(&1.id == made.id)) |> Enum.drop(count - 1)
  end
end
