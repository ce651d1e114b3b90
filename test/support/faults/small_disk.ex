defmodule Bloom.Test.Faults.SmallDisk do
  @moduledoc """
  A real file system that is really full: a tmpfs of its own for one root.

  It takes the right to mount, and a mount namespace that takes the mounts along when it ends: `bin/faults` sets both up
  where it can, and says so in `BLOOM_FAULTS_MOUNT`.
  """

  @filler "filler"

  @doc "Whether file systems can be mounted here."
  @spec possible?() :: boolean()
  def possible?, do: System.get_env("BLOOM_FAULTS_MOUNT") == "1"

  @doc "Mounts an empty file system at a new directory and copies a root to it."
  @spec mount!(Path.t(), Path.t()) :: :ok
  def mount!(from, root) do
    File.mkdir_p!(root)
    run!("mount", ["-t", "tmpfs", "-o", "size=128m", "tmpfs", root])
    run!("cp", ["-a", from <> "/.", root])
  end

  @doc "Fills it until as many KiB are left."
  @spec fill!(Path.t(), non_neg_integer()) :: :ok
  def fill!(root, kib) do
    filler = Path.join(root, @filler)
    # It ends when nothing is left.
    System.cmd("dd", ["if=/dev/zero", "of=" <> filler, "bs=4k"], stderr_to_stdout: true)
    run!("truncate", ["-s", "-#{kib}K", filler])
  end

  @doc "Makes room again."
  @spec free!(Path.t()) :: :ok
  def free!(root), do: File.rm!(Path.join(root, @filler))

  @doc "Unmounts it."
  @spec unmount!(Path.t()) :: :ok
  def unmount!(root), do: run!("umount", ["-l", root])

  defp run!(command, arguments) do
    {output, status} = System.cmd(command, arguments, stderr_to_stdout: true)
    if status != 0, do: raise("#{command} #{Enum.join(arguments, " ")} ended with status #{status}: #{output}")
    :ok
  end
end
