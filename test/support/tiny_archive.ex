defmodule Bloom.Test.TinyArchive do
  @moduledoc "Archives of releases that nothing could boot: for what verifies, unpacks and plans, in milliseconds."

  alias Bloom.Native

  @otp [{"kernel", "8.5"}, {"stdlib", "4.2"}, {"sasl", "4.2"}]

  @doc """
  Writes `garden-VSN.tar.gz` into a directory and returns its path.

  `modules` are those of the project's own application, as `{name, source}` with the source of Erlang functions.
  Options: `erts:` its version, `name:` that of the release, `rel_erts:` what the `.rel` says instead, `appup:` that of the
  application.
  """
  @spec write(Path.t(), String.t(), [{String.t(), String.t()}], keyword()) :: Path.t()
  def write(dir, version, modules, opts \\ []) do
    name = opts[:name] || "garden"
    erts = opts[:erts] || "13.1"
    root = Path.join(dir, ".#{name}-#{version}-#{System.unique_integer([:positive])}")
    bloom = {"bloom", "0.1.0"}
    own = {"garden_code", version}
    apps = @otp ++ [bloom, own]

    for {app, vsn} <- apps, do: application(root, app, vsn, if({app, vsn} == own, do: modules, else: []))
    if opts[:appup], do: put(root, "lib/garden_code-#{version}/ebin/garden_code.appup", opts[:appup])
    put(root, "bin/#{name}", "launcher")
    put(root, "erts-#{erts}/bin/beam.smp", erts)
    for boot <- ["start", "start_clean"], do: put(root, "releases/#{version}/#{boot}.boot", version)
    put(root, "releases/#{version}/sys.config", "[].")
    put(root, "releases/#{version}/#{name}.rel", rel(name, version, opts[:rel_erts] || erts, apps))

    entries = ["bin", "erts-#{erts}", "releases/#{version}" | for({app, vsn} <- apps, do: "lib/#{app}-#{vsn}")]
    {:ok, _files} = Native.manifest_write(root, header(name, version, erts, apps), entries)

    archive = Path.join(dir, "#{name}-#{version}.tar.gz")
    {_output, 0} = System.cmd("tar", ["czf", archive | entries], cd: root)
    File.rm_rf!(root)
    archive
  end

  defp header(name, version, erts, apps) do
    applications =
      for {app, vsn} <- apps do
        kind = if List.keymember?(@otp, app, 0), do: :otp, else: if(app == "bloom", do: :dependency, else: :own)
        %{name: app, version: vsn, base_version: vsn, kind: kind}
      end

    %{
      name: name,
      version: version,
      erts_version: erts,
      otp_release: "25",
      elixir_version: "1.14.0",
      applications: applications
    }
  end

  defp application(root, app, vsn, modules) do
    names = Enum.map_join(modules, ",", fn {module, _source} -> module end)
    needs = if app == "kernel", do: "", else: "kernel"
    keys = ~s([{description,""},{vsn,"#{vsn}"},{modules,[#{names}]},{registered,[]},{applications,[#{needs}]}])
    put(root, "lib/#{app}-#{vsn}/ebin/#{app}.app", "{application,#{app},#{keys}}.\n")

    for {module, source} <- modules,
        do: put(root, "lib/#{app}-#{vsn}/ebin/#{module}.beam", beam(module, source))
  end

  defp beam(module, source) do
    forms =
      for text <- String.split("-module('#{module}').\n-compile(export_all).\n#{source}", ~r/(?<=\.)\n/, trim: true) do
        {:ok, tokens, _line} = text |> to_charlist() |> :erl_scan.string()
        {:ok, form} = :erl_parse.parse_form(tokens)
        form
      end

    {:ok, _module, beam} = :compile.forms(forms, [:nowarn_export_all])
    beam
  end

  defp rel(name, version, erts, apps) do
    list = Enum.map_join(apps, ",", fn {app, vsn} -> ~s({#{app},"#{vsn}"}) end)
    ~s({release,{"#{name}","#{version}"},{erts,"#{erts}"},[#{list}]}.\n)
  end

  defp put(root, name, content) do
    path = Path.join(root, name)
    File.mkdir_p!(Path.dirname(path))
    File.write!(path, content)
  end
end
