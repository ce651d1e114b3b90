defmodule Bloom.Faults.SampleTest do
  # A dozen points of the matrix at random, of every fault, on ten of its scenarios. The whole of it: bin/faults.
  use ExUnit.Case

  alias Bloom.Test.Faults.{Interposer, Matrix, Point, Scenarios, Selection, Site}

  doctest Bloom.Test.Faults.Selection

  @points 12
  # Each has to be recorded first.
  @scenarios 9
  @always "restart-unhealthy"

  @tag :integration
  @tag timeout: 600_000
  test "whatever is interrupted, the node comes back whole" do
    dir = Path.join(System.tmp_dir!(), "bloom-faults-#{System.pid()}-#{System.unique_integer([:positive])}")
    File.mkdir_p!(dir)
    on_exit(fn -> File.rm_rf!(dir) end)
    site = Site.new!(dir, Interposer.build!(dir), Scenarios.versions())

    recordings = Matrix.record(scenarios(), site)

    points =
      recordings |> Enum.flat_map(&Selection.points(&1, [:kill, :power, :process, :disk])) |> Selection.sample(@points)

    assert length(points) == @points

    lost =
      [without_release_handler(recordings) | points]
      |> Matrix.run(recordings, site)
      |> Matrix.struck()
      |> elem(0)
      |> Enum.reject(&match?({_point, []}, &1))

    assert lost == [], Enum.map_join(lost, "\n", &Matrix.describe/1)
  end

  defp scenarios do
    {always, others} = Enum.split_with(Scenarios.all(), &(&1.name == @always))
    always ++ Enum.take_random(others, @scenarios)
  end

  # Always: the release handler writes RELEASES in place when it starts on a trial, and does not start where it cannot.
  defp without_release_handler(recordings) do
    %{operations: operations} = Enum.find(recordings, &(&1.scenario.name == @always))
    %{number: at} = Enum.find(operations, &match?(%{kind: :write, path: "releases/RELEASES"}, &1))
    %Point{scenario: @always, fault: :full, at: at}
  end
end
