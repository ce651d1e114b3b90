defmodule Bloom.MigrationTracker.Record do
  @moduledoc """
  What Bloom did with migrations, in `Bloom.Metadata`, as a list of events, each with `:event`, `:migrations` and `:at`:

    * `:begun` - these will be run; `:backup` is the one that was made just before, if one was;
    * `:ran` - these were run of those begun before; the others were not;
    * `:rolled_back` - these were rolled back;
    * `:restored` - a backup of before was restored.
  """

  alias Bloom.{Error, Metadata}
  alias Bloom.MigrationTracker

  @type event :: :begun | :ran | :rolled_back | :restored

  @doc "Saves an event of the release `version`."
  @spec save(String.t(), event(), [MigrationTracker.migration()], map()) :: :ok | {:error, Error.t()}
  def save(version, event, migrations, more \\ %{}) do
    migrations = for migration <- migrations, do: Map.take(migration, [:repo, :version, :name])
    info = %{event: event, migrations: migrations, at: DateTime.utc_now()}
    Metadata.save_migration_info(version, Map.merge(info, more))
  end

  @doc "The migrations that Bloom ran and nothing took back, with the release that it ran them for, oldest first."
  @spec standing() :: {:ok, [{String.t(), map()}]} | {:error, Error.t()}
  def standing, do: with({:ok, events} <- Metadata.migration_events(), do: {:ok, replay(events)})

  @doc """
  What follows from events, oldest first.

      iex> one = %{repo: "R", version: 1, name: "one"}
      iex> two = %{repo: "R", version: 2, name: "two"}
      iex> begun = {"1.1.0", %{event: :begun, migrations: [one, two]}}
      iex> Bloom.MigrationTracker.Record.replay([begun])
      [{"1.1.0", %{repo: "R", version: 1, name: "one"}}, {"1.1.0", %{repo: "R", version: 2, name: "two"}}]
      iex> Bloom.MigrationTracker.Record.replay([begun, {"1.1.0", %{event: :ran, migrations: [one]}}])
      [{"1.1.0", %{repo: "R", version: 1, name: "one"}}]
      iex> Bloom.MigrationTracker.Record.replay([begun, {"1.0.0", %{event: :rolled_back, migrations: [one]}}])
      [{"1.1.0", %{repo: "R", version: 2, name: "two"}}]
  """
  @spec replay([{String.t(), map()}]) :: [{String.t(), map()}]
  def replay(events) do
    {standing, _begun} =
      Enum.reduce(events, {[], []}, fn {version, %{event: event, migrations: migrations}}, {standing, begun} ->
        keys = keys(migrations)

        case event do
          :begun -> {without(standing, keys) ++ for(migration <- migrations, do: {version, migration}), keys}
          :ran -> {without(standing, begun -- keys), []}
          _taken_back -> {without(standing, keys), begun}
        end
      end)

    standing
  end

  @doc """
  The backup of before migrations with these keys, or `nil`, and what else was run since then and nothing took back.

  Told by the order of the events alone. What was taken back and run again counts by the last time.

      iex> one = %{repo: "R", version: 1, name: "one"}
      iex> two = %{repo: "R", version: 2, name: "two"}
      iex> events = [{"1.1.0", %{event: :begun, migrations: [one], backup: :a}}, {"1.2.0", %{event: :begun, migrations: [two], backup: :b}}]
      iex> Bloom.MigrationTracker.Record.before(events, [{"R", 2}])
      {:b, []}
      iex> Bloom.MigrationTracker.Record.before(events, [{"R", 1}, {"R", 2}])
      {:a, []}
      iex> Bloom.MigrationTracker.Record.before(events, [{"R", 1}])
      {:a, [%{repo: "R", version: 2, name: "two"}]}
      iex> Bloom.MigrationTracker.Record.before(events, [{"R", 3}])
      {nil, []}

  A backup that may have one of them is none:

      iex> one = %{repo: "R", version: 1, name: "one"}
      iex> two = %{repo: "R", version: 2, name: "two"}
      iex> run = fn migration, backup -> {"1.1.0", %{event: :begun, migrations: [migration], backup: backup}} end
      iex> back = {"1.1.0", %{event: :rolled_back, migrations: [two]}}
      iex> Bloom.MigrationTracker.Record.before([run.(two, :a), run.(one, :b), back, run.(two, :c)], [{"R", 1}, {"R", 2}])
      {nil, []}
      iex> Bloom.MigrationTracker.Record.before([run.(two, :a), back, run.(one, :b), run.(two, :c)], [{"R", 1}, {"R", 2}])
      {:b, []}
  """
  @spec before([{String.t(), map()}], [{String.t(), non_neg_integer()}]) :: {map() | nil, [map()]}
  def before(events, keys) do
    case first(events, keys) do
      nil ->
        {nil, []}

      index ->
        {earlier, [{_version, begun} | _later] = since} = Enum.split(events, index)
        # What is not known to be taken back by then may be in that backup.
        had? = Enum.any?(migrations(earlier), &(key(&1) in keys and key(&1) not in keys(begun.migrations)))
        {if(not had?, do: begun[:backup]), Enum.reject(migrations(since), &(key(&1) in keys))}
    end
  end

  defp first(events, keys) do
    begun =
      for {{_version, %{event: :begun, migrations: migrations}}, index} <- Enum.with_index(events),
          key <- keys(migrations),
          key in keys,
          into: %{},
          do: {key, index}

    if Enum.all?(keys, &is_map_key(begun, &1)), do: begun |> Map.values() |> Enum.min()
  end

  defp migrations(events), do: for({_version, migration} <- replay(events), do: migration)

  defp without(standing, keys), do: Enum.reject(standing, fn {_version, one} -> key(one) in keys end)

  defp keys(migrations), do: Enum.map(migrations, &key/1)

  defp key(migration), do: MigrationTracker.key(migration)
end
