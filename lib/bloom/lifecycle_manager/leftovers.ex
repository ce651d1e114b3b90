defmodule Bloom.LifecycleManager.Leftovers do
  @moduledoc """
  What a removal is about to take away, in `releases/.bloom-removing`, written before it begins.

  So what an interrupted removal has left is known by name, and nothing has to be guessed from what lies about. It is a
  list of directories relative to the root, and no more than a hint: what a release needs is never removed, listed or not.
  """

  alias Bloom.DurableFile

  @file_name "releases/.bloom-removing"

  @doc "The directories that an interrupted removal was about."
  @spec read(Path.t()) :: {:ok, [String.t()]} | {:error, File.posix()}
  def read(root) do
    case File.read(path(root)) do
      {:ok, content} -> {:ok, String.split(content, "\n", trim: true)}
      {:error, :enoent} -> {:ok, []}
      {:error, reason} -> {:error, reason}
    end
  end

  @doc "Writes what a removal is about."
  @spec write!(Path.t(), [String.t()]) :: :ok
  def write!(root, directories), do: DurableFile.write!(path(root), Enum.map(directories, &[&1, ?\n]))

  @doc "Forgets it, when the removal has ended."
  @spec clear!(Path.t()) :: :ok
  def clear!(root), do: DurableFile.rm!(path(root))

  defp path(root), do: Path.join(root, @file_name)
end
