defmodule Bloom.DurableFile do
  @moduledoc "Files that are seen old or new, never half: temporary file, fsync, rename."

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
    after
      File.rm(temporary)
    end

    :ok
  end
end
