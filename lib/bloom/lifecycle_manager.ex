defmodule Bloom.LifecycleManager do
  @moduledoc """
  Keeps the latest releases and removes others, with the files that no release needs any more.

      Bloom.LifecycleManager.cleanup(dry_run: true)
      Bloom.LifecycleManager.cleanup()
      Bloom.ReleaseManager.remove_release("1.0.0")

  A cleanup keeps the `release_retention_count` releases that were registered last. It is done by itself before an
  installation and after a commit, unless `auto_cleanup_enabled` is false.

  ## What is never removed

    * the release that runs, the one that the VM was booted from, and whatever has code in the code path;
    * the permanent one, and the one that `releases/start_erl.data` names;
    * the one that a rollback goes back to, one on trial, and those of a deployment that has not ended;
    * a release that is not registered: somebody has put it there. It can be removed by its version.

  ## Which files go with a release

  Bloom counts itself who needs what (OTP's `remove_release` does not know what runs, and takes its libraries). A library
  or an ERTS goes when no release that stays needs it, registered or not. Where that cannot be told of a single release,
  nothing is removed.

  The archive goes with its release when it lies in the root's own `releases/`; archives of releases that stay, or that
  were never installed, are left alone. A removed version can be installed again from a new upload.

  A cleanup also removes libraries that no release needs, as an interrupted deployment may leave them, but only such
  whose version carries the digest that Bloom's build step appends. Everything else in `lib/` may be somebody's own.

  A process that keeps a path into an old release, to its `priv` say, finds it gone one day: ask `:code.priv_dir/1` each
  time.
  """

  require Logger

  alias Bloom.{Config, Deployment, Error, ErrorLog, Native, Root}
  alias Bloom.LifecycleManager.{Inventory, Protection, Removal}

  @typedoc """
  `directories` are relative to the root. `kept` tells why a cleanup left a release, as in "release 1.1.0 runs". On a
  `dry_run` it all is what would be.
  """
  @type report :: %{
          removed: [String.t()],
          kept: [%{version: String.t(), why: String.t()}],
          directories: [String.t()],
          archives: [Path.t()],
          freed_bytes: non_neg_integer(),
          dry_run: boolean()
        }

  @type disk_usage :: %{
          path: Path.t(),
          total_bytes: non_neg_integer(),
          free_bytes: non_neg_integer(),
          used_percent: float(),
          above_threshold: boolean()
        }

  @doc "Removes old releases. With `dry_run: true` nothing is removed, and the report says what would be."
  @spec cleanup(dry_run: boolean()) :: {:ok, report()} | {:error, String.t()}
  def cleanup(opts \\ []) do
    result =
      if opts[:dry_run] do
        with {:ok, root} <- Root.fetch(), do: cleanup(root, opts)
      else
        Deployment.alone(:cleanup, &cleanup(&1, opts))
      end

    in_words(result)
  end

  @doc "`cleanup/1` of a root in which nothing is deployed meanwhile."
  @spec cleanup(Root.t(), dry_run: boolean()) :: {:ok, report()} | {:error, Error.t()}
  def cleanup(%Root{} = root, opts) do
    with {:ok, inventory} <- Inventory.read(root),
         {:ok, protected} <- Protection.reasons(root, inventory) do
      kept = kept(inventory.releases, protected)
      versions = for(%{version: version} <- inventory.releases, do: version) -- Enum.map(kept, & &1.version)
      remove(root, inventory, versions, kept, Keyword.put(opts, :orphans, true))
    end
  end

  @doc """
  Removes one release of a root in which nothing is deployed meanwhile, or says what that would remove with `dry_run: true`.

  `Bloom.ReleaseManager.remove_release/2` is the door to it.
  """
  @spec remove(Root.t(), String.t(), dry_run: boolean()) :: {:ok, report()} | {:error, Error.t()}
  def remove(%Root{} = root, version, opts \\ []) do
    with {:ok, inventory} <- Inventory.read(root),
         :ok <- known(inventory, version),
         {:ok, protected} <- Protection.reasons(root, inventory),
         :ok <- removable(version, protected) do
      remove(root, inventory, [version], [], opts)
    end
  end

  @doc """
  The cleanup that a deployment does, where `auto_cleanup_enabled` says so, and the look at the disk.

  Logs what it has freed. What goes wrong is logged as well, and is no reason for a deployment to fail.
  """
  @spec auto_cleanup(Root.t()) :: :ok
  def auto_cleanup(%Root{} = root) do
    if Config.get(:auto_cleanup_enabled), do: log_failure(cleanup(root, []))
    log_failure(look_at_disk(root.path))
  catch
    kind, reason -> Logger.warning("Bloom: the cleanup failed: #{Exception.format(kind, reason, __STACKTRACE__)}")
  end

  @doc """
  How full the file system of the releases is. Warns in the log from `disk_space_warning_threshold` percent on.

  What only the superuser may still write counts as used.
  """
  @spec disk_usage(Path.t()) :: {:ok, disk_usage()} | {:error, String.t()}
  def disk_usage(path \\ Root.path()), do: in_words(look_at_disk(path))

  defp look_at_disk(path) do
    with {:ok, %{total: total, free: free}} <- Native.disk_space(path) do
      used = if total == 0, do: 0.0, else: Float.round((total - free) * 100 / total, 1)
      above = used >= Config.get(:disk_space_warning_threshold)
      if above, do: Logger.warning("Bloom: the disk of #{path} is #{used} % full, #{megabytes(free)} MB are free")
      {:ok, %{path: path, total_bytes: total, free_bytes: free, used_percent: used, above_threshold: above}}
    end
  end

  # Registered ones come first, latest first.
  defp kept(releases, protected) do
    count = Config.get(:release_retention_count)
    latest = releases |> Enum.filter(& &1.status) |> Enum.take(count) |> Enum.map(& &1.version)

    for %{version: version, status: status} <- releases,
        why =
          protected[version] || (version in latest && "is one of the #{count} latest") ||
            (status == nil && "is not registered") || (not sound?(version) && "has a name that no release has"),
        do: %{version: version, why: why}
  end

  defp known(%Inventory{releases: releases, leftovers: leftovers}, version) do
    if Enum.any?(releases, &(&1.version == version)) or "releases/#{version}" in leftovers,
      do: :ok,
      else: {:error, Error.release_not_found(version)}
  end

  defp removable(version, protected) do
    cond do
      why = protected[version] ->
        {:error,
         Error.new(:release_needed, "release #{version} #{why}",
           details: %{version: version, why: why},
           suggestions: ["remove it when that has changed, by a switch to another release most likely"]
         )}

      sound?(version) ->
        :ok

      true ->
        {:error, Error.invalid_version(version)}
    end
  end

  # It becomes a part of paths.
  defp sound?(version), do: version =~ ~r/\A[A-Za-z0-9][A-Za-z0-9.+_~-]*\z/

  defp remove(root, inventory, versions, kept, opts) do
    dry_run = Keyword.get(opts, :dry_run, false)

    with {:ok, removal} <- Removal.plan(root, inventory, versions, opts),
         :ok <- if(dry_run, do: :ok, else: Removal.carry_out(removal)) do
      report = %{
        removed: versions,
        kept: kept,
        directories: removal.directories,
        archives: removal.archives,
        freed_bytes: removal.bytes,
        dry_run: dry_run
      }

      if not dry_run and removal.directories ++ removal.archives ++ versions != [], do: log(report)
      {:ok, report}
    end
  end

  defp log(report) do
    releases = if report.removed == [], do: "leftovers", else: "releases #{Enum.join(report.removed, ", ")}"

    Logger.info(
      "Bloom removed #{releases}: #{length(report.directories)} directories and #{length(report.archives)} archives, " <>
        "#{megabytes(report.freed_bytes)} MB"
    )
  end

  defp in_words(result), do: with({:error, error} <- result, do: {:error, Error.to_message(error)})

  defp log_failure({:ok, _done}), do: :ok
  defp log_failure({:error, error}), do: ErrorLog.write(:warning, "the cleanup failed", error)

  defp megabytes(bytes), do: Float.round(bytes / 1_048_576, 1)
end
