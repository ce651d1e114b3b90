defmodule Bloom.Test.Faults.Matrix do
  @moduledoc "Records scenarios and runs points, as many at a time as there are cores, and says what came of them."

  alias Bloom.Test.Faults.{Point, Recording, Scenario, Selection, Site}

  @typedoc "Why a point was lost, if it was; `:missed` where its fault struck nothing, which proves nothing."
  @type outcome :: {Point.t(), lost :: [String.t()] | :missed}

  @doc "Records scenarios; `told` is called with each recording, in their order."
  @spec record([Scenario.t()], Site.t(), (Recording.t() -> term())) :: [Recording.t()]
  def record(scenarios, site, told \\ fn _recording -> :ok end) do
    scenarios
    |> at_a_time(&Recording.make!(&1, site))
    |> Enum.map(fn {:ok, recording} ->
      told.(recording)
      recording
    end)
  end

  @doc "Runs points; `told` is called with each outcome as it comes."
  @spec run([Point.t()], [Recording.t()], Site.t(), (outcome() -> term())) :: [outcome()]
  def run(points, recordings, site, told \\ fn _outcome -> :ok end) do
    by_scenario = Map.new(recordings, &{&1.scenario.name, &1})

    points
    |> at_a_time(fn point -> {point, Point.run(point, by_scenario[point.scenario], site)} end, ordered: false)
    |> Enum.map(fn {:ok, outcome} ->
      told.(outcome)
      outcome
    end)
  end

  defp at_a_time(what, fun, opts \\ []) do
    Task.async_stream(what, fun, [max_concurrency: System.schedulers_online(), timeout: :infinity] ++ opts)
  end

  @doc "What was lost in a point, in words, with how to repeat it."
  @spec describe(outcome()) :: String.t()
  def describe({point, lost}) do
    where = if point.operation, do: " (#{point.operation})", else: ""
    reasons = Enum.map_join(lost, "", &"\n    #{String.replace(&1, "\n", "\n      ")}")
    "LOST #{Point.name(point)}#{where}#{reasons}\n    again: bin/faults --at #{Point.name(point)}"
  end

  @doc "A table: a line for each scenario, a column for each kind of fault, points and lost ones."
  @spec table([outcome()]) :: String.t()
  def table(outcomes) do
    scenarios = outcomes |> Enum.map(fn {point, _lost} -> point.scenario end) |> Enum.uniq() |> Enum.sort()
    faults = outcomes |> Enum.map(fn {point, _lost} -> column(point) end) |> Enum.uniq() |> Enum.sort()

    rows =
      for scenario <- scenarios ++ [:all] do
        [
          if(scenario == :all, do: "all", else: scenario)
          | for(fault <- faults ++ [:all], do: cell(outcomes, scenario, fault))
        ]
      end

    rows = [["points (lost)" | faults ++ ["all"]] | rows]

    widths =
      rows |> Enum.zip_with(& &1) |> Enum.map(fn column -> column |> Enum.map(&String.length/1) |> Enum.max() end)

    Enum.map_join(rows, "\n", &line(&1, widths))
  end

  defp line([name | cells], [width | widths]) do
    cells = Enum.zip_with(cells, widths, &String.pad_leading/2)
    Enum.join([String.pad_trailing(name, width) | cells], "  ")
  end

  defp cell(outcomes, scenario, fault) do
    chosen =
      for {point, lost} <- outcomes, scenario in [point.scenario, :all], fault in [column(point), :all], do: lost != []

    case {length(chosen), Enum.count(chosen, & &1)} do
      {0, 0} -> "-"
      {count, 0} -> "#{count}"
      {count, lost} -> "#{count} (#{lost})"
    end
  end

  defp column(%Point{fault: {:exit, _process}}), do: "exit"
  defp column(%Point{fault: fault}), do: Point.fault_name(fault)

  @doc "The last line."
  @spec summary([outcome()]) :: String.t()
  def summary(outcomes) do
    "#{length(outcomes)} points, #{Enum.count(outcomes, fn {_point, lost} -> lost != [] end)} lost"
  end

  @doc "The outcomes of the points that struck something, and the points that did not."
  @spec struck([outcome()]) :: {[outcome()], [Point.t()]}
  def struck(outcomes) do
    {missed, struck} = Enum.split_with(outcomes, &match?({_point, :missed}, &1))
    {struck, for({point, :missed} <- missed, do: point)}
  end

  @doc "Every point of recordings."
  @spec points([Recording.t()], [Selection.kind()]) :: [Point.t()]
  def points(recordings, kinds), do: Enum.flat_map(recordings, &Selection.points(&1, kinds))
end
