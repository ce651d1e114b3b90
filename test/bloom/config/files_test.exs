defmodule Bloom.Config.FilesTest do
  use ExUnit.Case, async: true

  alias Bloom.Config.Files

  @moduletag :tmp_dir

  defp write(dir, files) do
    for {name, text} <- files, do: File.write!(Path.join(dir, Atom.to_string(name)), "import Config\n" <> text)
    :ok
  end

  defp read(dir, env \\ :test), do: dir |> Path.join("config.exs") |> Files.read(env)

  defp places(files, dir) do
    Map.new(files.places, fn {option, {path, line}} -> {option, {Path.relative_to(Path.expand(path), dir), line}} end)
  end

  test "every way to write an option has its line", %{tmp_dir: dir} do
    write(dir,
      "config.exs": ~S"""
      config :bloom,
        probation_ms: 1,
        health_checks: [
          one: {M, :f, []}
        ]

      config :bloom, [{:min_processes, 2}]
      config :bloom, :max_process_ratio, 0.5
      options = [busy_timeout_ms: 3]
      config(:bloom, options)
      """
    )

    files = read(dir)

    assert Enum.sort(files.built) ==
             [busy_timeout_ms: 3, health_checks: [one: {M, :f, []}], max_process_ratio: 0.5, min_processes: 2] ++
               [probation_ms: 1]

    assert files.resolved == files.built
    assert files.unread == []

    assert places(files, dir) == %{
             probation_ms: {"config.exs", 3},
             health_checks: {"config.exs", 4},
             min_processes: {"config.exs", 8},
             max_process_ratio: {"config.exs", 9},
             busy_timeout_ms: {"config.exs", 11}
           }
  end

  test "the last one wins: conditions, imports and runtime.exs in the order in which Mix reads them", %{tmp_dir: dir} do
    write(dir,
      "config.exs": ~S"""
      config :bloom, probation_ms: 1, min_processes: 1, trial_timeout_ms: 1
      if config_env() == :dev, do: config(:bloom, probation_ms: 2)
      import_config "#{config_env()}.exs"
      config :bloom, trial_timeout_ms: 3
      """,
      "test.exs": "config :bloom, min_processes: 4, trial_timeout_ms: 4\nconfig :other, bloom: config_target()\n",
      "dev.exs": "config :bloom, min_processes: 5\n",
      "runtime.exs": "\nconfig :bloom, busy_timeout_ms: 6\n"
    )

    files = read(dir)
    assert Enum.sort(files.built) == [min_processes: 4, probation_ms: 1, trial_timeout_ms: 3]
    assert Enum.sort(files.resolved) == [busy_timeout_ms: 6, min_processes: 4, probation_ms: 1, trial_timeout_ms: 3]

    assert places(files, dir) == %{
             probation_ms: {"config.exs", 2},
             min_processes: {"test.exs", 2},
             trial_timeout_ms: {"config.exs", 5},
             busy_timeout_ms: {"runtime.exs", 3}
           }

    assert %{probation_ms: {"config.exs", 3}, min_processes: {"dev.exs", 2}} = dir |> read(:dev) |> places(dir)
  end

  test "an application's name that is not written as :bloom leaves the line unknown", %{tmp_dir: dir} do
    write(dir, "config.exs": "for app <- [:bloom], do: config(app, probation_ms: 1)\n")
    assert dir |> read() |> places(dir) == %{probation_ms: {"config.exs", nil}}
  end

  test "a file that cannot be evaluated here is named, and the others count", %{tmp_dir: dir} do
    write(dir,
      "config.exs": "config :bloom, probation_ms: 1\n",
      "runtime.exs": ~s|config :bloom, probation_ms: String.to_integer(System.fetch_env!("BLOOM_THAT_NOBODY_SET"))\n|
    )

    files = read(dir)
    assert files.resolved == [probation_ms: 1]
    assert [{path, why}] = files.unread
    assert Path.basename(path) == "runtime.exs"
    assert why =~ "BLOOM_THAT_NOBODY_SET"
  end

  test "a project without files has nothing", %{tmp_dir: dir} do
    assert read(dir) == %{built: [], resolved: [], places: [], unread: []}
  end
end
