defmodule Bloom.CLI.Upload do
  @moduledoc "Copies an archive to where the node, on this same machine, looks for it."

  alias Bloom.CLI.{Output, Remote, Session}
  alias Bloom.DurableFile

  @doc "Copies it under a name of its own first, so that nobody sees half of it."
  @spec run(Session.t(), String.t(), Path.t()) :: :ok | {:error, Output.error()}
  def run(session, version, archive) do
    with {:ok, path} <- Remote.call(session.remote, :archive, [version]) do
      if same?(archive, path), do: :ok, else: copy(session, archive, path)
    end
  end

  @doc """
  Whether the release below a root is that of an archive: their manifests, which have the digest of every file, are the same.
  """
  @spec installed?(Path.t(), String.t(), Path.t()) :: boolean()
  def installed?(root, version, archive) do
    manifest = "releases/#{version}/bloom.json"
    options = [:compressed, :memory, files: [to_charlist(manifest)]]

    with {:ok, [{_name, in_archive}]} <- :erl_tar.extract(to_charlist(archive), options),
         {:ok, in_place} <- File.read(Path.join(root, manifest)) do
      in_archive == in_place
    else
      _not_to_be_told -> false
    end
  end

  # Copied onto itself it would be gone.
  defp same?(archive, path) do
    match?(
      {{:ok, %{inode: inode, major_device: device}}, {:ok, %{inode: inode, major_device: device}}},
      {File.stat(archive), File.stat(path)}
    )
  end

  defp copy(session, archive, path) do
    temporary = "#{path}.#{System.pid()}.tmp"
    Output.event(session.output, %{event: :copy, from: archive, to: path}, ["copying the archive to #{path}"])

    with :ok <- for_the_same(archive, temporary),
         {:ok, _bytes} <- File.copy(archive, temporary),
         :ok <- sync(temporary) do
      DurableFile.rename!(temporary, path)
    else
      {:error, reason} ->
        File.rm(temporary)
        {:error, not_copied(archive, path, reason)}
    end
  end

  # Nobody may read it who may not read the archive, which holds the release's cookie.
  defp for_the_same(archive, temporary) do
    with {:ok, %{mode: mode}} <- File.stat(archive),
         :ok <- File.touch(temporary),
         {:ok, %{mode: allowed}} <- File.stat(temporary) do
      File.chmod(temporary, allowed |> Bitwise.band(mode) |> Bitwise.bor(0o600))
    end
  end

  defp sync(path) do
    with {:ok, file} <- :file.open(path, [:read, :write, :raw]) do
      result = :file.sync(file)
      :file.close(file)
      result
    end
  end

  defp not_copied(archive, path, reason) do
    text = "#{archive} could not be copied to #{path}: #{:file.format_error(reason)}"

    %{
      code: :not_copied,
      message: text,
      suggestions: ["see whether it is there, and whether this user may write to that directory"]
    }
  end
end
