defmodule Bloom.Release.Manifest do
  @moduledoc """
  Collects what the manifest of a release says and has it written to `releases/VSN/bloom.json`.

  Each application carries the version that the release sees, the base version its author wrote and its kind:

    * `own` - the project's application, umbrella children and path dependencies;
    * `dependency` - every other dependency;
    * `elixir` - Elixir's own applications;
    * `otp` - Erlang/OTP's.
  """

  alias Bloom.Native
  alias Bloom.Release.Versions

  # Mix is there when a release is built and nowhere else.
  @compile {:no_warn_undefined, [Mix.Project, Mix.SCM.Path]}

  @elixir_apps [:elixir, :eex, :ex_unit, :iex, :logger, :mix]

  @doc "Writes the manifest of a release whose application versions are stamped."
  @spec write(struct()) :: struct()
  def write(release) do
    version = to_string(release.version)

    header = %{
      name: to_string(release.name),
      version: version,
      erts_version: to_string(release.erts_version),
      otp_release: System.otp_release(),
      elixir_version: System.version(),
      applications: applications(release)
    }

    release.path |> Native.manifest_write(header, entries(release, version)) |> Native.ok!()
    release
  end

  defp applications(release) do
    own = own_applications()

    for {app, spec} <- Enum.sort(release.applications) do
      vsn = to_string(spec[:vsn])
      %{name: to_string(app), version: vsn, base_version: Versions.base(vsn), kind: kind(app, spec, own)}
    end
  end

  defp kind(app, spec, own) do
    cond do
      spec[:otp_app?] -> :otp
      app in @elixir_apps -> :elixir
      app in own -> :own
      true -> :dependency
    end
  end

  defp own_applications do
    paths = for {app, Mix.SCM.Path} <- Mix.Project.deps_scms(), do: app
    umbrella = Map.keys(Mix.Project.apps_paths() || %{})
    [Mix.Project.config()[:app] | paths ++ umbrella]
  end

  # The same set that Mix's :tar step packs.
  defp entries(release, version) do
    libs = for {app, spec} <- release.applications, do: "lib/#{app}-#{spec[:vsn]}"
    loose = for name <- loose_release_files(release), do: "releases/#{name}"

    ["bin", "erts-#{release.erts_version}", "releases/#{version}"] ++ libs ++ loose ++ release.overlays
  end

  defp loose_release_files(release) do
    dir = Path.join(release.path, "releases")
    for name <- File.ls!(dir), File.regular?(Path.join(dir, name)), do: name
  end
end
