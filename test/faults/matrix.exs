# Run by bin/faults: the matrix of faults, or a part of it.

defmodule Bloom.Faults.Command do
  alias Bloom.Test.Faults.{Interposer, Matrix, Point, Recording, Scenario, Site, SmallDisk}
  alias Bloom.Test.Node

  @kinds %{"kill" => :kill, "power" => :power, "process" => :process, "disk" => :disk}
  @points 400

  def main(args, dir) do
    {opts, names} = OptionParser.parse!(args, strict: [points: :integer, only: :keep, at: :keep])
    scenarios = scenarios(names, Keyword.get_values(opts, :at))
    kinds = kinds(Keyword.get_values(opts, :only))
    started = now()
    # What a node logs about a call from here it would log here.
    Logger.configure(level: :emergency)

    say(started, "build garden #{Enum.join(Scenario.versions(), ", ")}")
    site = Site.new!(dir, Interposer.build!(dir), Scenario.versions())
    before = libraries(site)

    recordings =
      for scenario <- scenarios do
        recording = Recording.make!(scenario, site)
        say(started, "#{scenario.name}: #{Enum.count(recording.operations, & &1.number)} operations on the file system")
        recording
      end

    points =
      case Keyword.get_values(opts, :at) do
        [] -> Matrix.points(recordings, kinds, Keyword.get(opts, :points, @points))
        names -> for name <- names, do: Point.parse!(name, recordings)
      end

    if :disk in kinds and not SmallDisk.possible?(),
      do: say(started, "no file system can be mounted here: small-disk is left out, full and full-boot are not")

    say(started, "#{length(points)} points, #{System.schedulers_online()} at a time")
    outcomes = Matrix.run(points, recordings, site, teller(started, length(points)))

    if libraries(site) != before, do: raise("a node wrote to a library in place, so its copies prove nothing")
    IO.puts(["\n", Matrix.table(outcomes), "\n\n", Matrix.summary(outcomes)])
    if Enum.all?(outcomes, &match?({_point, []}, &1)), do: :ok, else: :lost
  end

  defp scenarios([], []), do: Scenario.all()
  defp scenarios([], at), do: at |> Enum.map(&(&1 |> String.split(":") |> hd() |> Scenario.fetch!())) |> Enum.uniq()
  defp scenarios(names, _at), do: Enum.map(names, &Scenario.fetch!/1)

  defp kinds([]), do: Map.values(@kinds)
  defp kinds(names), do: for(name <- names, do: Map.fetch!(@kinds, name))

  defp libraries(site) do
    for version <- Scenario.versions(),
        into: %{},
        do: {version, Node.tree(Path.join(Site.pristine(site, version), "lib"))}
  end

  # A line for each lost point at once, and one now and then.
  defp teller(started, total) do
    counter = :counters.new(2, [])

    fn {_point, lost} = outcome ->
      :counters.add(counter, 1, 1)

      if lost != [] do
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

  defp now, do: System.monotonic_time(:millisecond)
end

case Bloom.Faults.Command.main(System.argv(), System.fetch_env!("BLOOM_FAULTS_DIR")) do
  :ok -> :ok
  :lost -> System.halt(1)
end
