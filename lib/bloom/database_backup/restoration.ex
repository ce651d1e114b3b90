defmodule Bloom.DatabaseBackup.Restoration do
  @moduledoc """
  Restores a backup: every file is proven again before the first database is touched, and it is counted what each
  restore throws away.
  """

  require Logger

  alias Bloom.{Config, Error, Native}
  alias Bloom.DatabaseBackup.{Backend, Backends, Discards, Repos, Work}

  @typedoc "A database of a backup, with the connection of today."
  @type target :: %{repo: String.t(), backend: module(), database: Backend.database(), file: Path.t(), dump: map()}

  @doc "The databases that a backup is to be restored to: those of the repos of the same names."
  @spec targets(map(), [Repos.repo_info()]) :: {:ok, [target()]} | {:error, Error.t()}
  def targets(backup, repos) do
    Backends.collect(backup.databases, fn %{repo: repo, backend: backend, file: file, dump: dump} ->
      case Enum.find(repos, &(&1.repo == repo)) do
        nil -> {:error, no_such_repo(backup, repo)}
        info -> with {:ok, source} <- Backends.source(info, backend), do: {:ok, target(source, backup, file, dump)}
      end
    end)
  end

  @doc "What a restore would throw away."
  @spec discards([target()]) :: {:ok, [Discards.t()]} | {:error, Error.t()}
  def discards(targets), do: Backends.collect(targets, &written/1)

  @doc "Restores all databases of a backup."
  @spec run(map(), [target()], Native.watch()) ::
          {:ok, %{discarded: [Discards.t()], replaced: [%{repo: String.t(), replaced: String.t() | nil}]}}
          | {:error, Error.t()}
  def run(backup, targets, watch) do
    timeout = Config.get_valid(:database_backup_timeout_ms)

    Work.run("the restore of backup #{backup.id}", watch, timeout, fn work ->
      with :ok <- verify(work, targets) do
        Work.stage(work, "counts what is discarded")
        discarded = Enum.map(targets, &written_or_unknown/1)
        Logger.warning("Bloom: restores backup #{backup.id}, which discards #{Discards.describe(discarded)}")

        with {:ok, replaced} <- restore(work, backup, targets, []),
             do: {:ok, %{discarded: discarded, replaced: replaced}}
      end
    end)
  end

  defp target(source, backup, file, dump),
    do: Map.merge(source, %{file: Path.join(backup.directory, file), dump: dump})

  defp verify(work, targets) do
    Enum.find_value(targets, :ok, fn target ->
      Work.stage(work, "verifies #{target.repo}")
      opts = [scratch: false, watch: Work.watch(work)]
      with :ok <- target.backend.verify(target.database, target.file, target.dump, opts), do: nil
    end)
  end

  defp written(%{repo: repo, backend: backend} = target) do
    with {:ok, %{count: count, unit: unit}} <- backend.written_since(target.database, target.file, target.dump),
         do: {:ok, %{repo: repo, count: count, unit: unit}}
  end

  # A database that cannot be read any more is what a restore is for.
  defp written_or_unknown(target) do
    case written(target) do
      {:ok, written} ->
        written

      {:error, error} ->
        Logger.warning("Bloom: what the restore discards of #{target.repo} is not known: #{error.message}")
        %{repo: target.repo, count: :unknown, unit: :rows}
    end
  end

  defp restore(_work, _backup, [], done), do: {:ok, Enum.reverse(done)}

  defp restore(work, backup, [%{repo: repo, backend: backend} = target | rest], done) do
    Work.stage(work, "restores #{repo}")

    case backend.restore(target.database, target.file, target.dump, Work.watch(work)) do
      {:ok, %{replaced: replaced}} ->
        Logger.warning("Bloom: restored #{repo} from backup #{backup.id}; #{kept(replaced)}")
        restore(work, backup, rest, [%{repo: repo, replaced: replaced} | done])

      {:error, error} when done == [] and rest == [] ->
        {:error, error}

      {:error, error} ->
        {:error, incomplete(backup, repo, error, Enum.reverse(done), Enum.map(rest, & &1.repo))}
    end
  end

  defp kept(nil), do: "what was in its place is not kept"
  defp kept(replaced), do: "what was in its place is kept as #{replaced}"

  # Each database is restored at once or not at all, so that of the failed one is as it was.
  defp incomplete(backup, repo, error, done, rest) do
    restored = Enum.map(done, & &1.repo)
    restored_words = if restored == [], do: "", else: "#{Enum.join(restored, ", ")}: as in backup #{backup.id}; "
    untouched = Enum.join([repo | rest], ", ")

    Error.new(
      if(restored == [], do: error.code, else: :restore_incomplete),
      "#{repo} could not be restored (#{error.message}). Now #{restored_words}#{untouched}: as before the restore",
      details: %{restored: done, failed: repo, untouched: [repo | rest], reason: error.code},
      suggestions: error.suggestions ++ ["restore backup #{backup.id} again when the cause is gone"]
    )
  end

  defp no_such_repo(backup, repo) do
    Error.new(
      :no_such_repo,
      "backup #{backup.id} has the database of #{repo}, and the running release has no such repo",
      suggestions: ["run a release with #{repo} in :ecto_repos, then restore"]
    )
  end
end
