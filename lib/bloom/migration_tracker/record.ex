defmodule Bloom.MigrationTracker.Record do
  @moduledoc """
  What Bloom did with migrations, in `Bloom.Metadata`, as a list of events, each with `:event`, `:migrations` and `:at`:

    * `:begun` - these will be run;
    * `:ran` - these were run of those begun before; the others were not;
    * `:rolled_back` - these were rolled back;
    * `:restored` - a backup of before was restored.
  """

  alias Bloom.{Error, Metadata}
  alias Bloom.MigrationTracker

  @type event :: :begun | :ran | :rolled_back | :restored

  @doc "Saves an event of the release `version`."
  @spec save(String.t(), event(), [MigrationTracker.migration()]) :: :ok | {:error, Error.t()}
  def save(version, event, migrations) do
    migrations = for migration <- migrations, do: Map.take(migration, [:repo, :version, :name])
    Metadata.save_migration_info(version, %{event: event, migrations: migrations, at: DateTime.utc_now()})
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

  defp without(standing, keys), do: Enum.reject(standing, fn {_version, one} -> MigrationTracker.key(one) in keys end)

  defp keys(migrations), do: Enum.map(migrations, &MigrationTracker.key/1)
end
