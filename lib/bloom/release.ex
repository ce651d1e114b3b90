defmodule Bloom.Release do
  @moduledoc """
  The build step that makes a plain `mix release` archive upgradable.

  Put it between `:assemble` and `:tar` in `mix.exs`:

      releases: [
        my_app: [steps: [:assemble, &Bloom.Release.prepare/1, :tar]]
      ]

  It

    * gives every application outside OTP a digest of its content as build metadata in its version
      (`0.1.0` becomes `0.1.0+d.1a2b3c4d5e6f`), so that two builds of the same version are told apart
      by OTP's release handler, which compares version strings only;
    * puts `bin/bloom` beside the launcher, the command line of the running node (see `Bloom.CLI`);
    * keeps a copy of the launcher scripts with the release they belong to;
    * has `env.sh` source the boot guard, which boots a release on trial when Bloom has armed one;
    * writes `releases/VSN/OTP_VERSION`, the version of Erlang/OTP that it was built with, patches included;
    * writes `releases/VSN/bloom.json`, the manifest: every file of the archive with its size and SHA-256.
  """

  alias Bloom.Release.{BootGuard, Client, Manifest, OTPVersion, Versions}

  @doc """
  Prepares an assembled release for Bloom. See the module documentation for where to put it.

  Takes and returns the `Mix.Release` struct, as every step of a release does. Raises `ArgumentError`
  with the next step to take where the release's options rule out upgrades on a live node.
  """
  @spec prepare(struct()) :: struct()
  def prepare(%{__struct__: Mix.Release} = release) do
    refuse_unsupported!(release)

    release
    |> settle_overlays()
    |> Versions.stamp()
    |> Client.put()
    |> copy_launcher()
    |> BootGuard.put()
    |> OTPVersion.put()
    |> Manifest.write()
  end

  defp refuse_unsupported!(%{erts_source: nil}) do
    raise ArgumentError,
          "Bloom needs the Erlang runtime inside the release: set include_erts: true for it in mix.exs"
  end

  defp refuse_unsupported!(%{options: options, applications: applications}) do
    if options[:reboot_system_after_config] do
      raise ArgumentError,
            "Bloom cannot upgrade a release with reboot_system_after_config: true, which reboots for ever " <>
              "after a switch: remove that option from the release in mix.exs"
    end

    unless Map.has_key?(applications, :bloom) do
      raise ArgumentError,
            "the release does not contain the :bloom application: add {:bloom, \"~> 0.1\"} to deps in mix.exs"
    end
  end

  # Mix packs overlays below bin/ and releases/ a second time, which makes duplicate entries in the archive.
  defp settle_overlays(release) do
    {packed, foreign} = Enum.split_with(release.overlays, &(hd(Path.split(&1)) in ["bin", "lib", "releases"]))

    if foreign != [] do
      raise ArgumentError,
            "an upgrade cannot place the overlay #{hd(foreign)}, which no release owns: " <>
              "move it below bin/ or into an application's priv/ directory"
    end

    %{release | overlays: Enum.reject(packed, &packed_anyway?(release, &1))}
  end

  defp packed_anyway?(release, path) do
    case Path.split(path) do
      ["bin" | _] -> true
      ["releases", version | _] -> version == to_string(release.version)
      _ -> File.dir?(Path.join(release.path, path))
    end
  end

  # Mix writes the launcher to the shared bin/; the copy lets every release bring its own back.
  defp copy_launcher(release) do
    bin = Path.join(release.path, "bin")
    File.mkdir_p!(Path.join(release.version_path, "bin"))
    File.cp_r!(bin, Path.join(release.version_path, "bin"))
    release
  end
end
