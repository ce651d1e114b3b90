defmodule Bloom.Release.Versions do
  @moduledoc """
  Application versions that tell content apart.

  OTP's release handler takes two applications of the same version for the same code, and never loads the
  second. Path dependencies and umbrella children stay `0.1.0` for ever, so the build step appends a digest
  of the application's directory as semantic versioning's build metadata, which has no say in precedence.
  """

  alias Bloom.Native

  @digest_length 12

  @doc """
  The version with the digest appended as build metadata.

      iex> Bloom.Release.Versions.with_digest("0.1.0", "1a2b3c4d5e6f7788")
      "0.1.0+d.1a2b3c4d5e6f"
      iex> Bloom.Release.Versions.with_digest("0.1.0+linux", "1a2b3c4d5e6f7788")
      "0.1.0+linux.d.1a2b3c4d5e6f"
  """
  @spec with_digest(String.t(), String.t()) :: String.t()
  def with_digest(version, digest) do
    separator = if String.contains?(version, "+"), do: ".", else: "+"
    base(version) <> separator <> "d." <> binary_part(digest, 0, @digest_length)
  end

  @doc """
  The version as the application's author wrote it, without the digest.

      iex> Bloom.Release.Versions.base("0.1.0+linux.d.1a2b3c4d5e6f")
      "0.1.0+linux"
      iex> Bloom.Release.Versions.base("0.1.0")
      "0.1.0"
  """
  @spec base(String.t()) :: String.t()
  def base(version), do: String.replace(version, ~r/[+.]d\.[0-9a-f]{#{@digest_length}}$/, "")

  @doc """
  Stamps every application outside OTP of an assembled release: its directory, its `.app` and the
  release's `.rel`, `.script` and `.boot` files.
  """
  @spec stamp(struct()) :: struct()
  def stamp(release) do
    stamped = for {app, spec} <- release.applications, not spec[:otp_app?], do: stamp_app(release, app, spec)

    versions = Map.new(stamped, fn {app, from, to} -> {app, {from, to}} end)
    rewrite_rel(release, versions)
    for {name, _modes} <- release.boot_scripts, do: rewrite_script(release, name, versions)

    applications =
      Map.new(release.applications, fn {app, spec} ->
        case versions do
          %{^app => {_from, to}} -> {app, Keyword.put(spec, :vsn, to)}
          %{} -> {app, spec}
        end
      end)

    %{release | applications: applications}
  end

  defp stamp_app(release, app, spec) do
    from = spec[:vsn]
    dir = Path.join([release.path, "lib", "#{app}-#{from}"])
    to = with_digest(to_string(from), Native.ok!(Native.tree_digest(dir)))
    target = Path.join([release.path, "lib", "#{app}-#{to}"])

    File.rm_rf!(target)
    File.rename!(dir, target)

    rewrite(Path.join([target, "ebin", "#{app}.app"]), fn {:application, ^app, properties} ->
      {:application, app, Keyword.put(properties, :vsn, to_charlist(to))}
    end)

    {app, from, to_charlist(to)}
  end

  defp rewrite_rel(release, versions) do
    rewrite(Path.join(release.version_path, "#{release.name}.rel"), fn {:release, name, erts, apps} ->
      {:release, name, erts, Enum.map(apps, &rewrite_rel_app(&1, versions))}
    end)
  end

  defp rewrite_rel_app(entry, versions) do
    case versions[elem(entry, 0)] do
      {_from, to} -> put_elem(entry, 1, to)
      nil -> entry
    end
  end

  defp rewrite_script(release, name, versions) do
    path = Path.join(release.version_path, "#{name}")
    dirs = Map.new(versions, fn {app, {from, to}} -> {"#{app}-#{from}", ~c"#{app}-#{to}"} end)

    rewrite(path <> ".script", fn {:script, id, instructions} ->
      {:script, id, Enum.map(instructions, &rewrite_instruction(&1, versions, dirs))}
    end)

    :ok = :systools.script2boot(to_charlist(path))
  end

  defp rewrite_instruction({:path, paths}, _versions, dirs) do
    {:path, Enum.map(paths, &rewrite_path(&1, dirs))}
  end

  defp rewrite_instruction({:apply, {:application, :load, [{:application, app, properties}]}}, versions, _)
       when is_map_key(versions, app) do
    {_from, to} = versions[app]
    {:apply, {:application, :load, [{:application, app, Keyword.put(properties, :vsn, to)}]}}
  end

  defp rewrite_instruction(instruction, _versions, _dirs), do: instruction

  defp rewrite_path(path, dirs) do
    path |> :filename.split() |> Enum.map(&Map.get(dirs, to_string(&1), &1)) |> :filename.join()
  end

  defp rewrite(path, fun) do
    {:ok, [term]} = :file.consult(path)
    File.write!(path, :io_lib.format("%% coding: utf-8~n~tp.~n", [fun.(term)]) |> IO.chardata_to_string())
  end
end
