defmodule Bloom.DatabaseBackup.Creation do
  @moduledoc "Makes a backup: space, dumps, proof of each, and only then its name."

  require Logger

  alias Bloom.{Config, Error, Metadata, Native}
  alias Bloom.DatabaseBackup.{Backends, Directory, Retention, Work}

  @megabyte 1_048_576

  @doc "Backs up the databases of a version in the directory `path`, under the id `id`."
  @spec run(Path.t(), map(), [Backends.source()], Native.watch()) :: {:ok, map()} | {:error, Error.t()}
  def run(path, %{id: id, version: version, at: at}, sources, watch) do
    with {:ok, making} <- Directory.make(path, id) do
      try do
        what = "the backup of release #{version}"
        started = System.monotonic_time(:millisecond)
        timeout = Config.get_valid(:database_backup_timeout_ms)

        with {:ok, {databases, verified}} <- Work.run(what, watch, timeout, &dump_all(&1, making, path, sources)) do
          info = %{
            id: id,
            version: version,
            at: at,
            directory: Path.join(path, id),
            bytes: databases |> Enum.map(& &1.dump.bytes) |> Enum.sum(),
            databases: databases,
            duration_ms: System.monotonic_time(:millisecond) - started,
            verified: verified
          }

          with {:ok, info} <- Directory.publish(making, info), do: finish(path, info)
        end
      after
        # Nothing is left there of one that was published.
        with {:error, error} <- Directory.discard(making), do: Logger.warning("Bloom: #{error.message}")
      end
    end
  end

  defp dump_all(work, making, path, sources) do
    Work.stage(work, "estimates its size")

    with {:ok, estimates} <- Backends.collect(sources, & &1.backend.estimate(&1.database)),
         :ok <- enough_space(path, Enum.sum(estimates)) do
      scratch_max = Config.get_valid(:database_backup_restore_check_max_mb) * @megabyte
      items = [sources, estimates, 1..length(sources)//1] |> Enum.zip()

      with {:ok, done} <- Backends.collect(items, &dump(work, making, scratch_max, &1)) do
        {databases, restored} = Enum.unzip(done)
        {:ok, {databases, if(Enum.all?(restored), do: :restored, else: :contents)}}
      end
    end
  end

  defp dump(work, making, scratch_max, {%{repo: repo, backend: backend, database: database}, estimate, index}) do
    name = "#{index}-#{String.replace(repo, ~r/[^0-9A-Za-z._-]/, "_")}.dump"
    file = Path.join(making, name)
    scratch = estimate <= scratch_max and scratch_max > 0
    Work.stage(work, "dumps #{repo}")

    with {:ok, dump} <- backend.dump(database, file, Work.watch(work)),
         {:ok, restored} <- verify(work, repo, scratch, &backend.verify(database, file, dump, &1)) do
      {:ok, {%{repo: repo, backend: backend, name: database.name, file: name, dump: dump}, restored}}
    end
  end

  # Answers whether it was restored. Not everybody may make a scratch database.
  defp verify(work, repo, scratch, verify) do
    Work.stage(work, "verifies #{repo}")

    case verify.(scratch: scratch, watch: Work.watch(work)) do
      :ok ->
        {:ok, scratch}

      {:error, %Error{code: :not_permitted} = error} when scratch ->
        Logger.warning("Bloom: the backup of #{repo} is verified by its contents alone: #{error.message}")
        verify(work, repo, false, verify)

      {:error, error} ->
        {:error, error}
    end
  end

  defp enough_space(path, estimate) do
    required = max(estimate, Config.get_valid(:min_backup_space_mb) * @megabyte)

    with {:ok, %{free: free}} <- Native.disk_space(path) do
      if free >= required do
        :ok
      else
        {:error,
         Error.new(
           :not_enough_space,
           "Insufficient disk space for a backup in #{path}. Required: #{ceil(required / @megabyte)}MB, " <>
             "Available: #{div(free, @megabyte)}MB",
           details: %{required: required, available: free, estimate: estimate},
           suggestions: ["free some there, set database_backup_directory elsewhere, or lower min_backup_space_mb"]
         )}
      end
    end
  end

  # The backup is good without the journal, which only repeats what lies in its directory.
  defp finish(path, info) do
    with {:error, error} <- Metadata.save_backup_info(info.version, info),
         do: Logger.warning("Bloom: the backup #{info.id} is made but not in the journal: #{error.message}")

    Logger.info(
      "Bloom: backed up #{Enum.map_join(info.databases, ", ", & &1.repo)} as #{info.id}: #{info.bytes} bytes in " <>
        "#{info.duration_ms} ms"
    )

    Retention.apply(path, info)
    {:ok, info}
  end
end
