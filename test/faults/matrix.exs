# Run by bin/faults: the matrix of faults, or a part of it.

defmodule Bloom.Faults.Command do
  alias Bloom.Test.Faults.{Interposer, Matrix, Point, Recording, Scenarios, Selection, Site, SmallDisk}
  alias Bloom.Test.Node

  @kinds %{"kill" => :kill, "power" => :power, "process" => :process, "disk" => :disk}
  @points "400"

  def main(args, dir) do
    {opts, names} = OptionParser.parse!(args, strict: [points: :string, only: :keep, at: :keep])
    scenarios = scenarios(names, Keyword.get_values(opts, :at))
    kinds = kinds(Keyword.get_values(opts, :only))
    started = now()
    # What a node logs about a call from here it would log here.
    Logger.configure(level: :emergency)

    say(started, "build garden #{Enum.join(Scenarios.versions(), ", ")}")
    site = Site.new!(dir, Interposer.build!(dir), Scenarios.versions())
    before = libraries(site)

    recordings =
      Matrix.record(scenarios, site, fn %Recording{scenario: scenario, operations: operations} ->
        say(started, "#{scenario.name}: #{Enum.count(operations, & &1.number)} operations on the file system")
      end)

    all = all(recordings, kinds, Keyword.get_values(opts, :at))
    points = thin(all, Keyword.get(opts, :points, @points))

    if :disk in kinds and not SmallDisk.possible?(),
      do: say(started, "no file system can be mounted here: small-disk is left out, full and full-boot are not")

    say(started, "#{number(length(points))} of #{number(length(all))} points, #{System.schedulers_online()} at a time")
    outcomes = Matrix.run(points, recordings, site, teller(started, length(points)))
    {outcomes, missed} = Matrix.struck(outcomes)
    if missed != [], do: say(started, "struck nothing and not counted: #{Enum.map_join(missed, ", ", &Point.name/1)}")

    if libraries(site) != before, do: raise("a node wrote to a library in place, so its copies prove nothing")
    IO.puts(["\n", Matrix.table(outcomes), "\n\n", Matrix.summary(outcomes)])
    if Enum.all?(outcomes, &match?({_point, []}, &1)), do: :ok, else: :lost
  end

  defp scenarios([], []), do: Scenarios.all()
  defp scenarios([], at), do: at |> Enum.map(&(&1 |> String.split(":") |> hd() |> Scenarios.fetch!())) |> Enum.uniq()
  defp scenarios(names, _at), do: Enum.map(names, &Scenarios.fetch!/1)

  defp all(recordings, kinds, []), do: Matrix.points(recordings, kinds)
  defp all(recordings, _kinds, names), do: for(name <- names, do: Point.parse!(name, recordings))

  defp thin(points, "all"), do: points
  defp thin(points, count), do: Selection.thin(points, String.to_integer(count))

  defp kinds([]), do: Map.values(@kinds)
  defp kinds(names), do: for(name <- names, do: Map.fetch!(@kinds, name))

  defp libraries(site) do
    for version <- Scenarios.versions(),
        into: %{},
        do: {version, Node.tree(Path.join(Site.pristine(site, version), "lib"))}
  end

  # A line for each lost point at once, and one now and then.
  defp teller(started, total) do
    counter = :counters.new(2, [])

    fn {_point, lost} = outcome ->
      :counters.add(counter, 1, 1)

      if lost not in [[], :missed] do
        :counters.add(counter, 2, 1)
        IO.puts(Matrix.describe(outcome))
      end

      done = :counters.get(counter, 1)

      if rem(done, 20) == 0 or done == total,
        do: say(started, "#{done} of #{total} points, #{:counters.get(counter, 2)} lost")
    end
  end

  defp say(started, text) do
    seconds = div(now() - started, 1000)
    [minutes, seconds] = for part <- [div(seconds, 60), rem(seconds, 60)], do: String.pad_leading("#{part}", 2, "0")
    IO.puts("#{minutes}:#{seconds}  #{text}")
  end

  defp number(count), do: count |> Integer.to_string() |> String.replace(~r/(?<=\d)(?=(\d{3})+$)/, ",")

  defp now, do: System.monotonic_time(:millisecond)
end

case Bloom.Faults.Command.main(System.argv(), System.fetch_env!("BLOOM_FAULTS_DIR")) do
  :ok -> :ok
  :lost -> System.halt(1)
end
