defmodule Bloom.DurableFile do
  @moduledoc "Files that are seen old or new, never half, also after a power cut: temporary file, fsync, rename, fsync."

  @doc "Writes a file as a whole; `mode` is its permission bits."
  @spec write!(Path.t(), iodata(), non_neg_integer()) :: :ok
  def write!(path, content, mode \\ 0o644) do
    temporary = "#{path}.#{System.unique_integer([:positive])}.tmp"

    try do
      file = File.open!(temporary, [:write, :raw, :exclusive])
      File.chmod!(temporary, mode)
      :ok = :file.write(file, IO.chardata_to_string(content))
      :ok = :file.sync(file)
      :ok = File.close(file)
      File.rename!(temporary, path)
      sync_directory!(Path.dirname(path))
    after
      File.rm(temporary)
    end

    :ok
  end

  @doc "Renames a file within its directory, so that it is known after a power cut."
  @spec rename!(Path.t(), Path.t()) :: :ok
  def rename!(from, to) do
    File.rename!(from, to)
    sync_directory!(Path.dirname(to))
  end

  @doc "Removes a file for good; one that is not there is fine."
  @spec rm!(Path.t()) :: :ok
  def rm!(path) do
    case File.rm(path) do
      :ok -> sync_directory!(Path.dirname(path))
      {:error, :enoent} -> :ok
      {:error, reason} -> raise File.Error, reason: reason, action: "remove file", path: path
    end
  end

  @doc "Removes what a `write!/3` that was killed left in these directories, but no file whose name is to be spared."
  @spec sweep([Path.t()], (String.t() -> boolean())) :: :ok
  def sweep(dirs, spared? \\ fn _name -> false end) do
    for dir <- dirs, name <- ls(dir), name =~ ~r/\.\d+\.tmp$/, not spared?.(name), do: rm!(Path.join(dir, name))
    :ok
  end

  defp ls(dir) do
    case File.ls(dir) do
      {:ok, names} -> names
      {:error, _no_directory} -> []
    end
  end

  @doc "Makes what happened to the names in a directory known after a power cut."
  @spec sync_directory!(Path.t()) :: :ok
  def sync_directory!(dir) do
    {:ok, handle} = :file.open(dir, [:read, :raw, :directory])
    :ok = :file.sync(handle)
    :ok = :file.close(handle)
  end
end
