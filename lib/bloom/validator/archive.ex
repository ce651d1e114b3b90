defmodule Bloom.Validator.Archive do
  @moduledoc "What can be said of an archive before it is read as a whole: that it is there and readable, and how large it may be."

  alias Bloom.{Error, Root}

  @four_gigabytes 4_294_967_296

  @doc "Whether the archive of a version is where it is looked for, and can be read."
  @spec check(Root.t(), String.t()) :: :ok | {:error, Error.t()}
  def check(root, version) do
    path = Root.archive(root, version)

    cond do
      not File.regular?(path) -> {:error, not_found(path)}
      match?({:error, _posix}, File.open(path, [:read], fn _device -> :ok end)) -> {:error, unreadable(path)}
      true -> :ok
    end
  end

  @doc """
  How many bytes an archive says it unpacks to, without reading it.

  gzip ends with the size of what it holds, modulo 4 GiB. What is damaged says anything: only that there is room enough
  may be concluded from it.
  """
  @spec estimate(Path.t()) :: non_neg_integer()
  def estimate(path) do
    %File.Stat{size: size} = File.stat!(path)

    case File.open!(path, [:read, :binary], &:file.pread(&1, max(size - 4, 0), 4)) do
      {:ok, <<unpacked::little-32>>} -> beyond(unpacked, size)
      _shorter_than_that -> 0
    end
  end

  # Nothing unpacks to less than its size.
  defp beyond(unpacked, size) when unpacked >= size, do: unpacked

  defp beyond(unpacked, size),
    do: unpacked + @four_gigabytes * div(size - unpacked + @four_gigabytes - 1, @four_gigabytes)

  defp not_found(path) do
    Error.new(:archive_not_found, "there is no archive #{path}",
      suggestions: ["copy #{Path.basename(path)} from the build machine to #{Path.dirname(path)}"]
    )
  end

  defp unreadable(path) do
    Error.new(:archive_unreadable, "the archive #{path} cannot be read by the user that the node runs as",
      suggestions: ["give it to that user, as with chmod a+r #{path}"]
    )
  end
end
