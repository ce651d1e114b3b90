defmodule Bloom.Faults.SampleTest do
  # A dozen points of the matrix at random, of every fault and scenario. The whole of it: bin/faults.
  use ExUnit.Case

  alias Bloom.Test.Faults.{Interposer, Matrix, Point, Recording, Scenario, Selection, Site}

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

    lost =
      [without_release_handler(recordings) | points]
      |> Matrix.run(recordings, site)
      |> Enum.reject(&match?({_point, []}, &1))

    assert lost == [], Enum.map_join(lost, "\n", &Matrix.describe/1)
  end

  # Always: the release handler writes RELEASES in place when it starts on a trial, and does not start where it cannot.
  defp without_release_handler(recordings) do
    %{operations: operations} = Enum.find(recordings, &(&1.scenario.name == "restart-unhealthy"))
    %{number: at} = Enum.find(operations, &match?(%{kind: :write, path: "releases/RELEASES"}, &1))
    %Point{scenario: "restart-unhealthy", fault: :full, at: at}
  end
end
