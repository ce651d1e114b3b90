defmodule Bench.Plan do
  @moduledoc "The plan of a release of 50 applications and 2,000 modules, of which one in twenty changed."

  import Bench.Measure

  alias Bloom.Native

  @apps 50
  @modules 40

  def run(dir) do
    beams = real_beams()
    loaded = build(dir, beams)

    request = %{
      root: dir,
      running: %{version: "1.0.0", erts: "1.0", apps: apps(dir, "1.0.0"), consolidated: nil},
      target: "1.1.0",
      downgrade: false,
      loaded: loaded
    }

    # Real modules under other names come out as hot or not; what counts is that none is left out.
    {:ok, %{decision: decision} = plan} = Native.plan(request)
    true = decision != :refuse
    changed = Enum.sum(for app <- plan.applications, do: length(app.modules))
    ^changed = compare_with_beam_lib(dir, loaded)

    times =
      in_turn(
        bloom: fn -> {:ok, _} = Native.plan(request) end,
        beam_lib: fn -> compare_with_beam_lib(dir, loaded) end
      )

    [
      "## Plan\n\n",
      "#{@apps} applications, #{@apps * @modules} modules of real size, stripped and compressed as Mix does, ",
      "#{changed} changed. `:beam_lib` digests the target's modules and compares them with the loaded ones, and that is ",
      "all; Bloom makes the whole plan, from the digests that the build step has put into ",
      "the manifest and the beams of what changed.\n\n",
      table(["", "time", "Bloom's share of it", "aim"], [
        ["Bloom: the plan", ms(times.bloom), "", ""],
        ["`:beam_lib.md5` of every module", ms(times.beam_lib), ratio(times.bloom, times.beam_lib), "0.1"]
      ])
    ]
  end

  defp compare_with_beam_lib(dir, loaded) do
    loaded = Map.new(loaded)

    paths = for app <- apps(dir, "1.1.0"), path <- Path.wildcard(Path.join(app.dir, "ebin/*.beam")), do: path

    Enum.count(paths, fn path ->
      {:ok, {_module, md5}} = :beam_lib.md5(to_charlist(path))
      loaded[Path.basename(path, ".beam")] != md5
    end)
  end

  defp real_beams do
    for app <- [:stdlib, :compiler, :kernel, :elixir, :ssl, :mix], path <- beams(app) do
      {:ok, binary} = path |> File.read!() |> Mix.Release.strip_beam()
      {:ok, {_module, md5}} = :beam_lib.md5(binary)
      {binary, md5}
    end
  end

  defp beams(app), do: Path.wildcard(Path.join(:code.lib_dir(app), "ebin/*.beam"))

  # A module is known by its file's name here, so real beams stand under other names.
  defp build(dir, beams) do
    loaded =
      for app <- 1..@apps, module <- 1..@modules do
        index = app * @modules + module
        {binary, md5} = Enum.at(beams, rem(index, length(beams)))
        changed? = rem(index, 20) == 0
        {other, _md5} = Enum.at(beams, rem(index + 1, length(beams)))
        name = "m#{app}_#{module}"
        put(dir, app, "1.0.0", name, binary)
        put(dir, app, "1.1.0", name, if(changed?, do: other, else: binary))
        {name, md5}
      end

    for version <- ["1.0.0", "1.1.0"], do: release(dir, version)
    loaded
  end

  defp put(dir, app, version, name, binary) do
    path = Path.join([dir, "lib/#{app_name(app)}-#{version}/ebin", name <> ".beam"])
    File.mkdir_p!(Path.dirname(path))
    File.write!(path, binary)
  end

  # The first four carry the names that a release must have; nothing is said of their code.
  defp app_name(app), do: Enum.at(~w(kernel stdlib sasl bloom), app - 1, "app#{app}")

  defp apps(dir, version) do
    for app <- 1..@apps do
      version = if app <= 4, do: "1.0.0", else: version
      %{name: app_name(app), version: version, dir: Path.join(dir, "lib/#{app_name(app)}-#{version}")}
    end
  end

  defp release(dir, version) do
    apps = apps(dir, version)

    for app <- apps do
      properties = {:application, String.to_atom(app.name), [vsn: to_charlist(app.version), modules: []]}
      File.write!(Path.join(app.dir, "ebin/#{app.name}.app"), :io_lib.format("~tp.~n", [properties]))
    end

    rel =
      {:release, {~c"garden", to_charlist(version)}, {:erts, ~c"1.0"},
       for(app <- apps, do: {String.to_atom(app.name), to_charlist(app.version)})}

    File.mkdir_p!(Path.join(dir, "releases/#{version}"))
    File.write!(Path.join(dir, "releases/#{version}/garden.rel"), :io_lib.format("~tp.~n", [rel]))

    header = %{
      name: "garden",
      version: version,
      erts_version: "1.0",
      otp_release: "25",
      elixir_version: "1.14.0",
      applications: for(app <- apps, do: %{name: app.name, version: app.version, base_version: app.version, kind: :own})
    }

    libs = for app <- apps, do: Path.relative_to(app.dir, dir)
    {:ok, _files} = Native.manifest_write(dir, header, libs)
  end
end
