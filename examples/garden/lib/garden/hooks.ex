defmodule Garden.Hooks do
  @moduledoc "What is done around a deployment of the garden: it is written down, so that it can be told afterwards."

  @doc "A hook that adds a line to a file, durably: which kind it is, what it is about and what runs."
  def write(%{kind: kind, version: version}, file) do
    running = :garden |> Application.spec(:vsn) |> to_string() |> String.split("+") |> hd()
    handle = File.open!(file, [:append, :raw])
    :ok = :file.write(handle, "#{kind} #{version} on #{running}\n")
    :ok = :file.sync(handle)
    :ok = File.close(handle)
    Bloom.DurableFile.sync_directory!(Path.dirname(file))
  end
end
