defmodule Bloom.Test.Faults.Selection do
  @moduledoc "Which points the matrix has, and which of them are run when not all are."

  alias Bloom.Test.Faults.{Disk, Log, Point, Recording, Scenario, SmallDisk}

  # An installation is hundreds of files that are unpacked alike.
  @of_installation 24
  # Of faults that are less about the place where they strike.
  @stops 3
  @full_disks 10
  @full_boots 5
  @stages_of_exits 4

  @type kind :: :kill | :power | :process | :disk

  @doc "The kind of a fault, as `bin/faults --only` names it."
  @spec kind(Point.fault()) :: kind()
  def kind(fault) when fault in [:kill, :stop], do: :kill
  def kind(fault) when fault in [:full, :full_boot, :small_disk], do: :disk
  def kind({:power, _model}), do: :power
  def kind({:exit, _process}), do: :process

  @doc "Every point of a recorded scenario that differs from the others, of these kinds."
  @spec points(Recording.t(), [kind()]) :: [Point.t()]
  def points(recording, kinds) do
    places = for %{number: at, errno: 0} = operation <- recording.operations, at != nil, do: {at, operation}
    # The last ones may have failed.
    last = Enum.max(for %{number: at} <- recording.operations, at != nil, do: at)
    places = places ++ [{last + 1, nil}]

    groups = groups(recording, places)
    kinds = kinds -- impossible(recording.scenario)
    for {kind, group} <- groups, kind in kinds, point <- limited(recording, group.()), do: point
  end

  # What a power cut leaves of a disk is computed, and nobody can say what it leaves of a database.
  defp impossible(scenario), do: if(Scenario.database?(scenario), do: [:power], else: [])

  # Nobody is there yet who could be waited for or killed.
  defp groups(%{scenario: %{name: "first-boot"}} = recording, places) do
    [
      {:kill, fn -> at_each(recording, :kill, places) end},
      {:disk, fn -> recording |> at_each(:full, Enum.filter(places, &needs_space?/1)) |> spread(@full_disks) end}
      | power_cuts(recording, places)
    ]
  end

  defp groups(recording, places) do
    [
      {:kill, fn -> at_each(recording, :kill, places) end},
      {:kill, fn -> recording |> at_each(:stop, places) |> spread(@stops) end},
      {:disk, fn -> recording |> at_each(:full, Enum.filter(places, &needs_space?/1)) |> spread(@full_disks) end},
      {:disk, fn -> recording |> at_each(:full_boot, places) |> spread(@full_boots) end},
      {:disk, fn -> small_disks(recording) end},
      {:process,
       fn ->
         for {at, operation} <- spread(Enum.drop(places, -1), @stages_of_exits),
             process <- processes(recording),
             do: point(recording, {:exit, process}, {at, operation})
       end}
      | power_cuts(recording, places)
    ]
  end

  # A removal is walked as every deployment is.
  defp processes(%{scenario: %{name: name}}) when name in ["remove", "cleanup"],
    do: ["driver", "Deployment", "supervisor"]

  defp processes(recording), do: recording.processes

  defp power_cuts(recording, places) do
    for model <- [:strict, :ordered, :torn], do: {:power, fn -> power_cuts(recording, model, places) end}
  end

  defp limited(%{scenario: %{name: "install"}}, points), do: spread(points, @of_installation)
  defp limited(_recording, points), do: points

  defp at_each(recording, fault, places), do: for(place <- places, do: point(recording, fault, place))

  defp point(recording, fault, {at, operation}) do
    text = if operation, do: Log.describe(operation), else: "after the last operation"
    %Point{scenario: recording.scenario.name, fault: fault, at: at, operation: text}
  end

  # How many KiB are left: nothing, enough for the journal, enough to get some way.
  defp small_disks(recording) do
    for kib <- [0, 64, 256], SmallDisk.possible?() do
      %Point{scenario: recording.scenario.name, fault: :small_disk, at: kib, operation: "KiB left"}
    end
  end

  defp needs_space?({_at, operation}), do: operation != nil and operation.kind in [:create, :write, :mkdir]

  # Between two operations that make something durable most cuts leave the same disk; after a trial has booted it is not
  # the same in spite of that. The last is always its own: what was promised by then must be there.
  defp power_cuts(recording, model, places) do
    wanted = Map.new(places)
    {last, nil} = List.last(places)

    {_disk, _seen, points} =
      Enum.reduce(recording.operations, {Disk.new(recording.armed), MapSet.new(), []}, fn operation,
                                                                                          {disk, seen, points} ->
        {seen, points} =
          if is_map_key(wanted, operation.number) do
            point = point(recording, {:power, model}, {operation.number, operation})
            unless_seen(disk, model, Recording.trials(recording, operation.number), seen, points, point)
          else
            {seen, points}
          end

        {Disk.apply(disk, operation), seen, points}
      end)

    Enum.reverse([point(recording, {:power, model}, {last, nil}) | points])
  end

  defp unless_seen(disk, model, trials, seen, points, point) do
    image = :erlang.phash2({Disk.image(disk, model), trials}, 4_294_967_296)
    if image in seen, do: {seen, points}, else: {MapSet.put(seen, image), [point | points]}
  end

  @doc """
  At most `count` of a list, evenly spread, the first and the last among them.

      iex> Bloom.Test.Faults.Selection.spread([1, 2, 3, 4, 5, 6, 7, 8, 9], 3)
      [1, 5, 9]
      iex> Bloom.Test.Faults.Selection.spread([1, 2], 3)
      [1, 2]
  """
  @spec spread([term()], pos_integer()) :: [term()]
  def spread(list, count) when length(list) <= count, do: list
  def spread([_one, _two | _] = list, 1), do: [Enum.at(list, div(length(list), 2))]

  def spread(list, count) do
    last = length(list) - 1
    wanted = MapSet.new(0..(count - 1), &round(&1 * last / (count - 1)))
    for {element, index} <- Enum.with_index(list), index in wanted, do: element
  end

  @doc """
  About `count` points, evenly spread over each scenario and fault, at least one of each; of power cuts always the last,
  as what was answered must be there.
  """
  @spec thin([Point.t()], pos_integer()) :: [Point.t()]
  def thin(points, count) when length(points) <= count, do: points

  def thin(points, count) do
    share = count / length(points)

    points
    |> Enum.group_by(&{&1.scenario, Point.fault_name(&1.fault)})
    |> Enum.flat_map(fn {_group, points} -> few(points, max(round(length(points) * share), 1)) end)
  end

  defp few([%Point{fault: {:power, _model}}, _second | _more] = points, count) do
    {others, [last]} = Enum.split(points, -1)
    spread(others, max(count - 1, 1)) ++ [last]
  end

  defp few(points, count), do: spread(points, count)

  @doc "`count` points at random: every kind of fault in turn, each on the scenario that has had the fewest."
  @spec sample([Point.t()], pos_integer()) :: [Point.t()]
  def sample(points, count) do
    by_fault = points |> Enum.group_by(&group/1) |> Enum.sort()

    by_fault
    |> Stream.cycle()
    |> Enum.reduce_while([], fn {_fault, candidates}, chosen ->
      used = Enum.frequencies_by(chosen, & &1.scenario)
      free = Enum.shuffle(candidates -- chosen)

      case Enum.min_by(free, &Map.get(used, &1.scenario, 0), fn -> nil end) do
        nil -> {:halt, chosen}
        _point when length(chosen) == count -> {:halt, chosen}
        point -> {:cont, [point | chosen]}
      end
    end)
  end

  defp group(%Point{fault: {:exit, _process}}), do: "exit"
  defp group(%Point{fault: fault}), do: Point.fault_name(fault)
end
