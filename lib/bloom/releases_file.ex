defmodule Bloom.ReleasesFile do
  @moduledoc """
  Keeps `releases/RELEASES` and `releases/start_erl.data` true.

  Mix never writes RELEASES. Without it OTP's release handler believes that the running release has no libraries
  and no ERTS, and removing *another* release then deletes kernel, stdlib and ERTS of the running one. So Bloom
  settles it whenever it starts, before anything else can ask.

  The release handler rewrites both files in place and without fsync (`do_write_release`, `write_start` in
  `release_handler.erl`), so a crash may leave them empty or disagreeing, and an empty `start_erl.data` does not
  boot. So Bloom is the one that writes them, and has the release handler read them again.
  """

  require Logger

  alias Bloom.{DurableFile, Error, Root}
  alias Bloom.ErrorInterpreter.Words

  @type status :: :unpacked | :permanent | :old | :tmp_current
  @type entry :: {:release, charlist(), charlist(), charlist(), [{atom(), charlist(), charlist()}], status()}

  @doc """
  Makes `releases/RELEASES` say what `start_erl.data` says and what runs, with the releases' real libraries.

  What the file knew of other releases is kept where they are still there; a damaged file is made anew from the
  releases' directories. Returns whether the file had to be written; if so, `:release_handler` has read it anew.
  """
  @spec reconcile(Path.t()) :: :ok | :rewritten
  def reconcile(root) do
    {name, vsn} = :init.script_id()
    booted = entry(root, name, vsn, :permanent)
    entries = root |> known(name) |> settle(booted, permanent_entry(root, name, booted), root)

    if {:ok, entries} == read(root) do
      :ok
    else
      write!(root, entries)
      restart_release_handler()
      # It rewrites a tmp_current in place.
      write!(root, Enum.map(entries, &settled/1))
      Logger.info("Bloom wrote #{path(root)}: #{name} #{vsn} runs")
      :rewritten
    end
  end

  @doc """
  What RELEASES should list, latest registration first as OTP writes it: the permanent release, the booted one and,
  of what was known, whatever still has its directory.

  A booted release that is not the permanent one, as on a trial, is `tmp_current`: the release handler takes it for
  the `current` one when it reads the file, and for `unpacked` when the node boots again (`transform_release` in
  `release_handler.erl`).
  """
  @spec settle([entry()], entry(), entry(), Path.t()) :: [entry()]
  def settle(known, booted, permanent, root) do
    booted = if booted == permanent, do: booted, else: put_elem(booted, 5, :tmp_current)
    ours = Enum.uniq([booted, permanent])

    listed =
      for {:release, _name, vsn, _erts, _libs, _status} = entry <- known,
          kept = List.keyfind(ours, vsn, 2) || (there?(root, vsn) && demote(entry)),
          do: kept

    Enum.reject(ours, &(&1 in listed)) ++ listed
  end

  @doc """
  Changes what RELEASES lists, durably, and has the release handler read it.

  Refused while a release runs that is not permanent, as the release handler would forget what runs.
  """
  @spec update(Path.t(), ([entry()] -> [entry()])) :: :ok | {:error, Error.t()}
  def update(root, fun) do
    if List.keymember?(:release_handler.which_releases(), :current, 3) do
      {:error,
       Error.new(:on_probation, "the running release is not permanent yet", suggestions: ["wait for its commit"])}
    else
      {:ok, entries} = read(root)
      write!(root, fun.(entries))
      restart_release_handler()
    end
  end

  @doc "Registers a staged release as `unpacked`, as `release_handler:set_unpacked/2` does."
  @spec register(Path.t(), String.t(), String.t()) :: :ok | {:error, Error.t()}
  def register(root, name, version) do
    entry = entry(root, to_charlist(name), to_charlist(version), :unpacked)
    update(root, &[entry | List.keydelete(&1, to_charlist(version), 2)])
  end

  @doc "Forgets a release; its files stay."
  @spec unregister(Path.t(), String.t()) :: :ok | {:error, Error.t()}
  def unregister(root, version), do: update(root, &List.keydelete(&1, to_charlist(version), 2))

  @doc """
  Makes a release permanent: RELEASES first, then `start_erl.data`, from when on the release is what boots.

  Whatever is killed in between, the launcher finds one release or the other, and `reconcile/1` makes RELEASES
  follow what was booted. The release handler learns of it by `reload/2`.
  """
  @spec make_permanent(Path.t(), String.t()) :: :ok | {:error, Error.t()}
  def make_permanent(root, version) do
    vsn = to_charlist(version)

    with {:ok, entries} <- read(root),
         {:release, _name, ^vsn, erts, _libs, _status} = entry <- List.keyfind(entries, vsn, 2) do
      permanent = put_elem(entry, 5, :permanent)
      write!(root, for(other <- entries, do: if(other == entry, do: permanent, else: demote(other))))
      write_start_file!(root, erts, vsn)
    else
      _damaged ->
        {:error,
         Error.new(:releases_damaged, "#{path(root)} is damaged or does not list release #{version}",
           suggestions: ["restart the node: Bloom makes it anew"]
         )}
    end
  end

  @doc "Has the running system know the permanent release: what `init:restart/0` boots, and the release handler."
  @spec reload(Path.t(), String.t()) :: :ok
  def reload(root, version) do
    # As do_make_permanent in release_handler.erl has it.
    dir = Path.join([root, "releases", version])
    :ok = :init.make_permanent(to_charlist(Path.join(dir, "start")), to_charlist(Path.join(dir, "sys")))
    restart_release_handler()
  end

  @doc "The version that RELEASES lists as permanent."
  @spec listed_permanent(Path.t()) :: {:ok, String.t()} | :error
  def listed_permanent(root) do
    with {:ok, entries} <- read(root), {:release, _, vsn, _, _, _} <- List.keyfind(entries, :permanent, 5) do
      {:ok, to_string(vsn)}
    else
      _none -> :error
    end
  end

  @doc "The version that `start_erl.data` says will boot."
  @spec permanent(Path.t()) :: {:ok, String.t()} | :error
  def permanent(root) do
    with {:ok, content} <- File.read(Path.join(root, "releases/start_erl.data")),
         [_erts, version] <- String.split(content) do
      {:ok, version}
    else
      _missing_or_damaged -> :error
    end
  end

  @doc "What RELEASES lists, or `:error` where it is missing or damaged."
  @spec read(Path.t()) :: {:ok, [entry()]} | :error
  def read(root) do
    case :file.consult(path(root)) do
      {:ok, [entries]} when is_list(entries) -> {:ok, entries}
      _missing_or_damaged -> :error
    end
  end

  defp known(root, name) do
    case read(root) do
      {:ok, entries} -> entries
      :error -> for dir <- Root.release_dirs(root), entry = found(root, name, dir), do: entry
    end
  end

  defp found(root, name, dir) do
    entry(root, name, dir |> Path.basename() |> to_charlist(), :old)
  rescue
    # Not a release of this name.
    MatchError -> nil
  end

  defp demote({:release, name, vsn, erts, libs, :permanent}), do: {:release, name, vsn, erts, libs, :old}
  defp demote(entry), do: settled(entry)

  defp settled({:release, name, vsn, erts, libs, :tmp_current}), do: {:release, name, vsn, erts, libs, :unpacked}
  defp settled(entry), do: entry

  # Where the file is missing or names nothing that is there, what booted is what will boot.
  defp permanent_entry(root, name, booted) do
    with {:ok, version} <- permanent(root),
         false <- to_charlist(version) == elem(booted, 2),
         {:release, _, _, _, _, _} = entry <- found(root, name, Path.join([root, "releases", version])) do
      put_elem(entry, 5, :permanent)
    else
      true ->
        booted

      _unusable ->
        {:release, _name, vsn, erts, _libs, _status} = booted
        write_start_file!(root, erts, vsn)
        booted
    end
  end

  defp there?(root, vsn), do: File.dir?(Path.join([root, "releases", to_string(vsn)]))

  # Library paths are relative, so that the root can be moved.
  defp entry(root, name, vsn, status) do
    rel = Path.join([root, "releases", to_string(vsn), "#{name}.rel"])
    {:ok, [{:release, {^name, ^vsn}, {:erts, erts}, apps}]} = :file.consult(rel)

    libs =
      for app <- apps do
        {name, version} = {elem(app, 0), elem(app, 1)}
        {name, version, ~c"lib/#{name}-#{version}"}
      end

    {:release, name, vsn, erts, libs, status}
  end

  defp write_start_file!(root, erts, vsn) do
    DurableFile.write!(Path.join(root, "releases/start_erl.data"), "#{erts} #{vsn}")
  end

  defp write!(root, entries), do: DurableFile.write!(path(root), :io_lib.format("%% coding: utf-8~n~tp.~n", [entries]))

  defp path(root), do: Path.join(root, "releases/RELEASES")

  @doc "Starts the release handler where it is missing: what had stopped it may have been killed before it started it again."
  @spec ensure_release_handler() :: :ok
  def ensure_release_handler, do: started(if Process.whereis(:release_handler), do: :ok, else: start_release_handler())

  # In a process of its own: who asks for it may be killed in between.
  defp restart_release_handler do
    {pid, monitor} = spawn_monitor(fn -> exit({:restarted, do_restart_release_handler()}) end)

    receive do
      {:DOWN, ^monitor, :process, ^pid, {:restarted, result}} -> started(result)
      {:DOWN, ^monitor, :process, ^pid, reason} -> started({:error, reason})
    end
  end

  # It reads RELEASES in its init only. sasl_sup allows no restarts, so it is stopped in order, not killed.
  defp do_restart_release_handler do
    # With that of an application it would end when that is stopped.
    Process.group_leader(self(), Process.whereis(:init))
    :ok = :supervisor.terminate_child(:sasl_sup, :release_handler)

    with {:error, reason} <- start_release_handler() do
      # It rewrites a tmp_current in its init. On a full disk that fails and leaves an empty file, with which it starts:
      # a node without it could not even say what runs. RELEASES is written again by whoever settles this.
      start_release_handler()
      {:error, reason}
    end
  end

  defp start_release_handler do
    case :supervisor.restart_child(:sasl_sup, :release_handler) do
      {:ok, _pid} -> :ok
      # Who found it missing was faster.
      {:error, :running} -> :ok
      {:error, reason} -> {:error, reason}
    end
  end

  defp started(:ok), do: :ok

  defp started({:error, reason}),
    do: raise("the release handler could not start with #{path(Root.path())}: #{Words.of(reason)}")
end
