defmodule Bloom.DatabaseBackup.Backends do
  @moduledoc "Which backend is for which database: the option `database_backup_backend`, else the one for the repo's adapter."

  alias Bloom.{Config, Error}
  alias Bloom.DatabaseBackup.Backend
  alias Bloom.DatabaseBackup.Repos

  @by_adapter %{
    "Ecto.Adapters.Postgres" => Bloom.DatabaseBackup.Postgres,
    "Ecto.Adapters.SQLite3" => Bloom.DatabaseBackup.SQLite
  }

  @typedoc "A database with the backend that is for it."
  @type source :: %{repo: String.t(), backend: module(), database: Backend.database()}

  @doc "The databases of some repos."
  @spec sources([Repos.repo_info()]) :: {:ok, [source()]} | {:error, Error.t()}
  def sources(repos), do: collect(repos, &source/1)

  @doc "The database of a repo, for the backend that made a backup of it."
  @spec source(Repos.repo_info(), module()) :: {:ok, source()} | {:error, Error.t()}
  def source(%{repo: repo, config: config}, backend) do
    with {:ok, database} <- backend.database(repo, config) do
      {:ok, %{repo: repo, backend: backend, database: database}}
    end
  end

  @doc "The backend of that name."
  @spec named(String.t()) :: {:ok, module()} | {:error, Error.t()}
  def named(name) do
    backends = [Config.get(:database_backup_backend) | Map.values(@by_adapter)]

    case Enum.find(backends, &(&1 != nil and inspect(&1) == name)) do
      nil ->
        {:error,
         Error.new(:no_backup_backend, "the backup was made by #{name}, which this release does not have",
           suggestions: ["set database_backup_backend to it, or restore with the release that made the backup"]
         )}

      backend ->
        loaded(backend)
    end
  end

  @doc "Applies a function to each until one answers an error."
  @spec collect([item], (item -> {:ok, value} | {:error, Error.t()})) :: {:ok, [value]} | {:error, Error.t()}
        when item: term(), value: term()
  def collect(items, fun) do
    items
    |> Enum.reduce_while([], fn item, values ->
      case fun.(item) do
        {:ok, value} -> {:cont, [value | values]}
        {:error, error} -> {:halt, {:error, error}}
      end
    end)
    |> case do
      {:error, error} -> {:error, error}
      values -> {:ok, Enum.reverse(values)}
    end
  end

  defp source(info) do
    with {:ok, backend} <- of(info), do: source(info, backend)
  end

  defp of(%{repo: repo, adapter: adapter}) do
    case Config.get(:database_backup_backend) || @by_adapter[adapter] do
      nil ->
        {:error,
         Error.new(:no_backup_backend, "#{repo} uses #{adapter}, and Bloom has no backup backend for that",
           suggestions: ["set database_backup_backend to a module of your own, see Bloom.DatabaseBackup.Backend"]
         )}

      backend ->
        loaded(backend)
    end
  end

  defp loaded(backend) do
    if Code.ensure_loaded?(backend) and function_exported?(backend, :dump, 3) do
      {:ok, backend}
    else
      {:error,
       Error.new(:no_backup_backend, "#{inspect(backend)} is no backup backend: it has no dump/3",
         suggestions: ["set database_backup_backend to a module with the behaviour Bloom.DatabaseBackup.Backend"]
       )}
    end
  end
end
