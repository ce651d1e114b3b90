defmodule Bloom.Faults.SampleTest do
  # A dozen points of the matrix at random, of every fault and scenario. The whole of it: bin/faults.
  use ExUnit.Case

  alias Bloom.Test.Faults.{Interposer, Matrix, Recording, Scenario, Selection, Site}

  doctest Bloom.Test.Faults.Selection

  @points 12

  @tag :integration
  @tag timeout: 600_000
  test "whatever is interrupted, the node comes back whole" do
    dir = Path.join(System.tmp_dir!(), "bloom-faults-#{System.pid()}-#{System.unique_integer([:positive])}")
    File.mkdir_p!(dir)
    on_exit(fn -> File.rm_rf!(dir) end)
    site = Site.new!(dir, Interposer.build!(dir), Scenario.versions())

    recordings = for scenario <- Scenario.all(), do: Recording.make!(scenario, site)

    points =
      recordings |> Enum.flat_map(&Selection.points(&1, [:kill, :power, :process, :disk])) |> Selection.sample(@points)

    assert length(points) == @points

    lost = points |> Matrix.run(recordings, site) |> Enum.reject(&match?({_point, []}, &1))
    assert lost == [], Enum.map_join(lost, "\n", &Matrix.describe/1)
  end
end
