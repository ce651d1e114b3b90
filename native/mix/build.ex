defmodule Bloom.Native.Build do
  @moduledoc false

  alias Bloom.Native.{Cargo, Inputs, Prebuilt}
  alias Mix.Task.Compiler.Diagnostic

  @compiler "bloom_native"

  def run(root) do
    inputs = Inputs.digest(root)

    case library(root, Inputs.prebuilt()) do
      {:ok, library, warnings} ->
        Inputs.write(inputs, install(library))
        {:ok, warnings}

      {:error, message} when is_binary(message) ->
        Mix.shell().error("could not build Bloom's native library: #{message}")
        {:error, [diagnostic(message)]}

      {:error, diagnostics} ->
        Mix.shell().error("could not build Bloom's native library, see cargo's errors above")
        {:error, diagnostics}
    end
  end

  defp library(root, nil) do
    with {:ok, path, warnings} <- Cargo.build(root, @compiler), do: {:ok, File.read!(path), warnings}
  end

  defp library(_root, prebuilt) do
    with {:ok, content} <- Prebuilt.read(prebuilt), do: {:ok, content, []}
  end

  # Under a name of its own, as a running VM keeps the old file mapped and dlopen takes an equal path for the
  # same library. Renamed into place, so that there is never half of it.
  defp install(library) do
    own_priv()
    hash = library |> Inputs.sha256() |> binary_part(0, 12)
    name = "bloom_nif-#{Mix.Project.config()[:version]}-#{hash}.so"

    dir = Inputs.native_dir()
    File.mkdir_p!(dir)
    temporary = Path.join(dir, ".#{name}.#{System.pid()}")
    File.write!(temporary, library)
    File.chmod!(temporary, 0o755)
    File.rename!(temporary, Path.join(dir, name))

    for old <- File.ls!(dir), old != name, do: File.rm(Path.join(dir, old))
    name
  end

  # Mix links priv to the source's, which may be read-only and which other builds share. Mix leaves a directory
  # as it is and goes on to copy what changes.
  defp own_priv do
    priv = Path.join(Mix.Project.app_path(), "priv")

    with {:ok, _link} <- File.read_link(priv) do
      File.rm!(priv)
      File.cp_r!("priv", priv)
    end
  end

  defp diagnostic(message) do
    %Diagnostic{
      compiler_name: @compiler,
      file: Path.expand("Cargo.toml"),
      severity: :error,
      message: message,
      position: 0
    }
  end
end
