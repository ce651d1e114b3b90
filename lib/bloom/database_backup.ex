defmodule Bloom.DatabaseBackup do
  @moduledoc """
  Backups of the databases of a release, proven before they count.

      {:ok, info} = Bloom.DatabaseBackup.create_backup("1.2.3")
      :ok = Bloom.DatabaseBackup.restore_backup("1.2.3")
      [newest | _older] = Bloom.DatabaseBackup.list_backups()
      :ok = Bloom.DatabaseBackup.delete_backup("1.2.3")

  A backup is made of a database in use, is consistent, and counts when it was verified: its digest, its table of
  contents, and up to a size (`database_backup_restore_check_max_mb`) by restoring it into a scratch database and comparing
  the number of rows of every table. It lies in a directory of its own in `database_backup_directory`: one file a database
  and a manifest, without secrets. The newest `database_backup_retention_count` are kept.

  Restored is at once or not at all, a database at a time, after every file was verified again. What was written to a
  database since is counted first and stands in the log: that is what the restore discards.

  How a database is dumped and restored is the matter of a `Bloom.DatabaseBackup.Backend`. These functions answer
  `{:error, message}`; those for deployments (`create/3`, `restore/3`, `discards/2`) answer `{:error, %Bloom.Error{}}`.
  """

  require Logger

  alias Bloom.{Error, ErrorLog, Native}
  alias Bloom.ErrorInterpreter.Words
  alias Bloom.DatabaseBackup.{Backend, Backends, Creation, Directory, Discards, Locks, Repos, Restoration}

  @typedoc """
  A backup. `verified` is how: `:restored` into a scratch database each, or by their `:contents` alone. `bytes` is the size
  of its files.
  """
  @type info :: %{
          id: String.t(),
          version: String.t(),
          at: DateTime.t(),
          directory: Path.t(),
          bytes: non_neg_integer(),
          databases: [
            %{repo: String.t(), backend: module(), name: String.t(), file: String.t(), dump: Backend.dump()}
          ],
          duration_ms: non_neg_integer(),
          verified: :contents | :restored
        }

  @type repo_info :: Repos.repo_info()

  @typedoc "A backup, of which the id is enough, its id, or a version, which is the newest backup of it."
  @type which :: info() | %{required(:id) => String.t(), optional(atom()) => term()} | String.t()

  @doc "Backs up the databases of the running node's repos, for a version."
  @spec create_backup(String.t()) :: {:ok, info()} | {:error, String.t()}
  def create_backup(version) do
    in_words(with {:ok, repos} <- Repos.running(), do: create(version, repos))
  end

  @doc "Restores the newest backup of a version, or the one with that id, and throws away what was written since."
  @spec restore_backup(String.t()) :: :ok | {:error, String.t()}
  def restore_backup(version_or_id) do
    with {:ok, _restored} <- in_words(restore(version_or_id)), do: :ok
  end

  @doc "The backups, newest first. Why another one that lies there cannot be read is in the log."
  @spec list_backups() :: [info()]
  def list_backups do
    case all() do
      {:ok, {backups, unreadable}} ->
        for error <- unreadable, do: ErrorLog.write(:warning, "a backup cannot be read", error)
        backups

      {:error, error} ->
        ErrorLog.write(:warning, "the backups cannot be listed", error)
        []
    end
  end

  @doc "Removes the backup with that id, or all backups of a version."
  @spec delete_backup(String.t()) :: :ok | {:error, String.t()}
  def delete_backup(id_or_version) do
    in_words(
      with {:ok, found} <- find(id_or_version),
           {:ok, _removed} <- Backends.collect(found, &remove/1),
           do: :ok
    )
  end

  @doc """
  Backs up databases for a version.

  Progress goes to `watch` as from every long operation of `Bloom.Native`, counted anew for each file; its token cancels.
  """
  @spec create(String.t(), [repo_info()], Native.watch()) :: {:ok, info()} | {:error, Error.t()}
  def create(version, repos, watch \\ %{}) do
    at = DateTime.utc_now()
    id = Directory.id(version, at)

    with :ok <- check_version(version),
         :ok <- check_repos(repos),
         {:ok, sources} <- Backends.sources(repos),
         {:ok, path} <- Directory.path() do
      Locks.hold([{:backup, id} | databases(sources)], fn ->
        Creation.run(path, %{id: id, version: version, at: at}, sources, watch)
      end)
    end
  end

  @doc """
  Restores a backup to the databases of the given repos, by default those of the running node.

  Answers what that has discarded, and where what was in the place of each database is kept. Where one of several could not
  be restored, the error says which database is at which state.
  """
  @spec restore(which(), Native.watch(), [repo_info()] | nil) ::
          {:ok, %{discarded: [Discards.t()], replaced: [%{repo: String.t(), replaced: String.t() | nil}]}}
          | {:error, Error.t()}
  def restore(which, watch \\ %{}, repos \\ nil) do
    with {:ok, backup, targets} <- targets(which, repos) do
      Locks.hold([{:backup, backup.id} | databases(targets)], fn -> Restoration.run(backup, targets, watch) end)
    end
  end

  @doc "What a restore would discard now."
  @spec discards(which(), [repo_info()] | nil) :: {:ok, [Discards.t()]} | {:error, Error.t()}
  def discards(which, repos \\ nil) do
    with {:ok, _backup, targets} <- targets(which, repos), do: Restoration.discards(targets)
  end

  @doc """
  What a restore discards, in words.

      iex> Bloom.DatabaseBackup.describe_discards([%{repo: "Garden.Repo", count: 3, unit: :transactions}])
      "up to 3 transactions of Garden.Repo"
  """
  @spec describe_discards([Discards.t()]) :: String.t()
  defdelegate describe_discards(discards), to: Discards, as: :describe

  defp targets(which, repos) do
    with {:ok, [backup | _older]} <- find(which),
         {:ok, repos} <- if(repos, do: {:ok, repos}, else: Repos.running()),
         {:ok, targets} <- Restoration.targets(backup, repos) do
      {:ok, backup, targets}
    end
  end

  # What the journal remembers of a backup may be gone, or elsewhere: what lies in the directory counts.
  defp find(%{id: id}), do: find(id)

  defp find(id_or_version) do
    with {:ok, {backups, unreadable}} <- all() do
      case {Enum.filter(backups, &(&1.id == id_or_version)), Enum.filter(backups, &(&1.version == id_or_version))} do
        {[backup], _versions} -> {:ok, [backup]}
        {[], [_newest | _older] = backups} -> {:ok, backups}
        {[], []} -> {:error, no_backup(id_or_version, unreadable)}
      end
    end
  end

  defp all do
    with {:ok, path} <- Directory.path(), do: Directory.list(path)
  end

  defp remove(backup) do
    with :ok <- Directory.remove(backup), do: {:ok, backup.id}
  end

  defp databases(sources), do: for(%{repo: repo} <- sources, do: {:database, repo})

  defp check_version(version) do
    if is_binary(version) and version =~ ~r/\A[0-9A-Za-z][0-9A-Za-z.+_-]*\z/ do
      :ok
    else
      {:error,
       Error.new(:bad_version, "#{Words.of(version)} cannot be a version",
         suggestions: ["use letters, digits, dots, dashes, plus signs and underscores"]
       )}
    end
  end

  defp check_repos([_repo | _more]), do: :ok

  defp check_repos([]) do
    {:error,
     Error.new(:no_repos, "there is no database to back up: no application of this node has :ecto_repos",
       suggestions: ["name its repos there: config :my_app, ecto_repos: [MyApp.Repo]"]
     )}
  end

  defp no_backup(which, unreadable) do
    why = Enum.map_join(unreadable, fn error -> "; #{error.message}" end)

    Error.new(:no_backup, "there is no backup of #{which}#{why}",
      suggestions: ["see Bloom.DatabaseBackup.list_backups/0 for those that there are"]
    )
  end

  defp in_words({:error, %Error{} = error}) do
    ErrorLog.write(:warning, "what was asked of the backups failed", error)
    {:error, Error.to_message(error)}
  end

  defp in_words(answer), do: answer
end
