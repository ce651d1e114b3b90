defmodule Bloom.Upgrade do
  @moduledoc """
  The functions that a relup made by Bloom calls, by OTP's `apply` instruction.

  They run inside `:release_handler`, after its point of no return, where an exception restarts the whole
  VM. So they never raise for a reason that a later check can find: what did not work is found when the
  switch is proven, and the switch is taken back. Names and arguments are written into relups on disk and
  are kept compatible between versions of Bloom.
  """

  require Logger

  alias Bloom.Supervision

  @doc """
  Puts the target's consolidated protocols first in the code path and loads those that differ.

  `releases/VSN/consolidated` belongs to no application, so OTP's release handler does not know it.
  Versions are those of the release; modules without a beam in the target are deleted.
  """
  @spec swap_protocols(from :: charlist(), to :: charlist(), [module()]) :: :ok
  def swap_protocols(from, to, modules) do
    swap_path(consolidated(from), consolidated(to))
    Enum.each(modules, &load_protocol(&1, consolidated(to)))
  end

  @doc "Stops and forgets these children of every supervisor that runs the module."
  @spec stop_children(module(), [term()]) :: :ok
  def stop_children(module, ids) do
    for supervisor <- Supervision.instances(module), id <- ids do
      with :ok <- :supervisor.terminate_child(supervisor, id), do: :supervisor.delete_child(supervisor, id)
    end

    :ok
  end

  @doc "Starts these children, whose specs the upgraded supervisors of the module know by now."
  @spec start_children(module(), [term()]) :: :ok
  def start_children(module, ids) do
    for supervisor <- Supervision.instances(module), id <- ids do
      case :supervisor.restart_child(supervisor, id) do
        {:error, reason} when reason not in [:running, :restarting] ->
          Logger.error("#{inspect(module)} could not start its new child #{inspect(id)}: #{inspect(reason)}")

        _started ->
          :ok
      end
    end

    :ok
  end

  defp consolidated(vsn), do: Path.join([:code.root_dir(), "releases", to_string(vsn), "consolidated"])

  # The boot script writes the directory as "lib/../releases/VSN/consolidated", so paths are compared expanded.
  defp swap_path(from, to) do
    for path <- :code.get_path(), Path.expand(to_string(path)) == from, do: :code.del_path(path)
    if File.dir?(to), do: :code.add_patha(to_charlist(to))
  end

  defp load_protocol(module, dir) do
    file = Path.join(dir, "#{module}.beam")

    case File.read(file) do
      {:ok, binary} ->
        :code.soft_purge(module)
        :code.load_binary(module, to_charlist(file), binary)

      {:error, :enoent} ->
        :code.delete(module)
    end
  end
end
