defmodule Bloom.Test.Faults.Scenarios do
  @moduledoc """
  All scenarios, in order:

    * `install` - a release is installed;
    * `up` - a hot switch to a newer release, to its commit;
    * `down` - a hot rollback, to its commit;
    * `unhealthy` - a hot switch to a release whose health check fails, which is taken back;
    * `probation` - a hot switch, and a rollback while it is on probation;
    * `restart-up`, `restart-down` - the same two ways by a trial boot;
    * `restart-unhealthy` - a trial boot of a release whose health check fails, which goes back by itself;
    * `remove` - a release that nothing needs is removed, beside the running one and the one to roll back to;
    * `cleanup` - the same by a cleanup, which is in no journal;
    * `first-boot` - the first start of all, which makes the journal;
    * `hooks`, `hooks-unhealthy`, `restart-hooks` - a hot switch with hooks around it, and the same to an unhealthy release,
      hot and by a trial boot;
    * `migrate`, `migrate-down` - a hot switch to a release with migrations, and the rollback, which takes them back;
    * `migrate-unhealthy`, `restart-migrate` - a hot switch to, and a trial boot of, an unhealthy release with migrations.
  """

  alias Bloom.LifecycleManager
  alias Bloom.Test.Faults.Scenario

  @wait [wait: :commit]

  @doc "All scenarios."
  @spec all() :: [Scenario.t()]
  def all, do: plain() ++ removals() ++ [first_boot()] ++ with_hooks() ++ with_database()

  defp plain do
    [
      %Scenario{
        name: "install",
        prepare: [],
        operation: [{:install_release, ["1.1.0"]}],
        answer: :ok,
        from: "1.0.0",
        to: "1.0.0",
        ends_on: "1.0.0"
      },
      %Scenario{
        name: "up",
        prepare: [{:install_release, ["1.1.0"]}],
        operation: [{:switch_release, ["1.1.0", @wait]}],
        answer: :ok,
        from: "1.0.0",
        to: "1.1.0",
        ends_on: "1.1.0"
      },
      %Scenario{
        name: "down",
        prepare: [{:install_release, ["1.1.0"]}, {:switch_release, ["1.1.0", @wait]}],
        operation: [{:rollback_release, [@wait]}],
        answer: :ok,
        from: "1.1.0",
        to: "1.0.0",
        ends_on: "1.0.0"
      },
      %Scenario{
        name: "unhealthy",
        uploads: ["1.1.0", "1.3.0-unhealthy"],
        prepare: [{:install_release, ["1.3.0-unhealthy"]}],
        operation: [{:switch_release, ["1.3.0-unhealthy", @wait]}],
        answer: :error,
        from: "1.0.0",
        to: "1.0.0",
        ends_on: "1.0.0"
      },
      %Scenario{
        name: "probation",
        prepare: [{:install_release, ["1.1.0"]}],
        operation: [{:switch_release, ["1.1.0"]}, {:rollback_release, [@wait]}],
        answer: :ok,
        from: "1.0.0",
        to: "1.0.0",
        ends_on: "1.0.0",
        probation_ms: 60_000
      },
      %Scenario{
        name: "restart-up",
        prepare: [{:install_release, ["1.1.0"]}],
        operation: [{:switch_release, ["1.1.0", [mode: :restart]]}],
        answer: {:ok, :restarting},
        from: "1.0.0",
        to: "1.1.0",
        ends_on: "1.1.0"
      },
      %Scenario{
        name: "restart-down",
        prepare: [{:install_release, ["1.1.0"]}, {:switch_release, ["1.1.0", @wait]}],
        operation: [{:rollback_release, [[mode: :restart]]}],
        answer: {:ok, :restarting},
        from: "1.1.0",
        to: "1.0.0",
        ends_on: "1.0.0"
      },
      %Scenario{
        name: "restart-unhealthy",
        uploads: ["1.1.0", "1.3.0-unhealthy"],
        prepare: [{:install_release, ["1.3.0-unhealthy"]}],
        operation: [{:switch_release, ["1.3.0-unhealthy", [mode: :restart]]}],
        answer: {:ok, :restarting},
        from: "1.0.0",
        to: "1.0.0",
        ends_on: "1.0.0"
      }
    ]
  end

  defp removals do
    removed = "1.3.0-unhealthy"

    remove = %Scenario{
      name: "remove",
      uploads: ["1.1.0", removed],
      # Before the other one, which is so the latest.
      prepare: [{:install_release, [removed]}, {:install_release, ["1.1.0"]}, {:switch_release, ["1.1.0", @wait]}],
      operation: [{:remove_release, [removed]}],
      answer: :ok,
      from: "1.1.0",
      to: "1.1.0",
      ends_on: "1.1.0"
    }

    keep_one = {Application, :put_env, [:bloom, :release_retention_count, 1]}
    cleanup = [keep_one, {LifecycleManager, :cleanup, []}]
    [remove, %{remove | name: "cleanup", operation: cleanup, answer: {:removed, [removed]}}]
  end

  defp first_boot do
    %Scenario{name: "first-boot", prepare: [], operation: [], answer: :ok, from: "1.0.0", to: "1.0.0", ends_on: "1.0.0"}
  end

  defp with_hooks do
    for {name, of} <- [{"hooks", "up"}, {"hooks-unhealthy", "unhealthy"}, {"restart-hooks", "restart-unhealthy"}] do
      %{Enum.find(plain(), &(&1.name == of)) | name: name}
    end
  end

  defp with_database do
    common = %Scenario{
      name: "",
      first: "2.0.0-db",
      uploads: ["2.1.0-db"],
      prepare: [{:install_release, ["2.1.0-db"]}],
      operation: [],
      answer: :ok,
      from: "2.0.0-db",
      to: "2.0.0-db",
      ends_on: "2.0.0-db"
    }

    switched = common.prepare ++ [{:switch_release, ["2.1.0-db", @wait]}]
    bad = "2.2.0-unhealthy"
    to_bad = %{common | uploads: ["2.1.0-db", bad], prepare: [{:install_release, [bad]}]}

    [
      %{
        common
        | name: "migrate",
          operation: [{:switch_release, ["2.1.0-db", @wait]}],
          to: "2.1.0-db",
          ends_on: "2.1.0-db"
      },
      %{common | name: "migrate-down", prepare: switched, operation: [{:rollback_release, [@wait]}], from: "2.1.0-db"},
      %{to_bad | name: "migrate-unhealthy", operation: [{:switch_release, [bad, @wait]}], answer: :error},
      %{
        to_bad
        | name: "restart-migrate",
          operation: [{:switch_release, [bad, [mode: :restart]]}],
          answer: {:ok, :restarting}
      }
    ]
  end

  @doc "The scenario of a name."
  @spec fetch!(String.t()) :: Scenario.t()
  def fetch!(name) do
    Enum.find(all(), &(&1.name == name)) ||
      raise ArgumentError, "there is no scenario #{name}, only #{Enum.map_join(all(), ", ", & &1.name)}"
  end

  @doc "Every version that some scenario needs."
  @spec versions() :: [String.t()]
  def versions, do: all() |> Enum.flat_map(&[&1.first | &1.uploads]) |> Enum.uniq()
end
