defmodule Bloom.ReleasesFile do
  @moduledoc """
  Keeps `releases/RELEASES` true.

  Mix never writes that file. Without it OTP's release handler believes that the running release has no
  libraries and no ERTS, and removing *another* release then deletes kernel, stdlib and ERTS of the running
  one. So Bloom settles it whenever it starts, before anything else can ask.
  """

  require Logger

  alias Bloom.DurableFile

  @type entry ::
          {:release, charlist(), charlist(), charlist(), [{atom(), charlist(), charlist()}], atom()}

  @doc """
  Makes `releases/RELEASES` say what runs: the booted release, permanent, with its real libraries.

  What the file knew of other releases is kept where they are still there. Returns whether the file had to be
  written; if so, `:release_handler` has read it anew.
  """
  @spec reconcile(Path.t()) :: :ok | :rewritten
  def reconcile(root) do
    {name, vsn} = :init.script_id()
    path = Path.join([root, "releases", "RELEASES"])
    known = read(path)
    entries = settle(known, booted_entry(root, name, vsn), root)

    if entries == known do
      :ok
    else
      DurableFile.write!(path, :io_lib.format("%% coding: utf-8~n~tp.~n", [entries]))
      restart_release_handler()
      Logger.info("Bloom wrote #{path}: #{name} #{vsn} runs")
      :rewritten
    end
  end

  @doc """
  What RELEASES should list, latest registration first as OTP writes it: the booted release and, of what was
  known, whatever still has its directory. Only one release is permanent.
  """
  @spec settle([entry()], entry(), Path.t()) :: [entry()]
  def settle(known, {:release, _name, vsn, _erts, _libs, :permanent} = booted, root) do
    entries =
      Enum.flat_map(known, fn
        {:release, _name, ^vsn, _erts, _libs, _status} -> [booted]
        {:release, name, other, erts, libs, :permanent} -> kept(root, {:release, name, other, erts, libs, :old})
        entry -> kept(root, entry)
      end)

    if booted in entries, do: entries, else: [booted | entries]
  end

  defp kept(root, entry), do: if(there?(root, elem(entry, 2)), do: [entry], else: [])

  defp there?(root, vsn), do: File.dir?(Path.join([root, "releases", to_string(vsn)]))

  defp read(path) do
    case :file.consult(path) do
      {:ok, [entries]} when is_list(entries) -> entries
      _missing_or_damaged -> []
    end
  end

  # Library paths are relative, so that the root can be moved.
  defp booted_entry(root, name, vsn) do
    rel = Path.join([root, "releases", to_string(vsn), "#{name}.rel"])
    {:ok, [{:release, {^name, ^vsn}, {:erts, erts}, apps}]} = :file.consult(rel)

    libs =
      for app <- apps do
        {name, version} = {elem(app, 0), elem(app, 1)}
        {name, version, ~c"lib/#{name}-#{version}"}
      end

    {:release, name, vsn, erts, libs, :permanent}
  end

  # It reads RELEASES in its init only. sasl_sup allows no restarts, so it is stopped in order, not killed.
  defp restart_release_handler do
    :ok = :supervisor.terminate_child(:sasl_sup, :release_handler)
    {:ok, _pid} = :supervisor.restart_child(:sasl_sup, :release_handler)
    :ok
  end
end
