defmodule Bloom.MigrationTracker.Ask do
  @moduledoc "Asks a release about its migrations, in a VM beside the node; where no release runs, this VM itself."

  require Logger

  alias Bloom.{Config, Error, Root, TargetVM}
  alias Bloom.MigrationTracker.{Answer, Migrator}

  # What the VM has to boot and to end in, beside the time of the migrations themselves.
  @boot_ms 30_000
  # A question that only reads.
  @survey_ms 30_000

  @doc "Which repos and migrations release `version` has."
  @spec survey(String.t(), end_leftovers: boolean()) :: {:ok, Bloom.MigrationTracker.survey()} | {:error, Error.t()}
  def survey(version, opts), do: ask(version, :survey, Map.new(opts), @survey_ms)

  @doc "Runs or rolls back migrations with the code of release `version`."
  @spec migrate(String.t(), :run | :rollback, [Migrator.key()]) :: {:ok, [Migrator.key()]} | {:error, Error.t()}
  def migrate(version, action, wanted) do
    ask(version, action, %{wanted: wanted}, Config.get_valid(:database_migration_timeout_ms))
  end

  defp ask(version, action, more, timeout) do
    prefix = session_prefix()
    session = prefix <> Integer.to_string(:rand.uniform(0xFFFFFFFF), 36)
    request = Map.merge(more, %{timeout_ms: timeout, session_prefix: prefix, session: session})

    cond do
      not Root.release?() -> here(action, request)
      has_migrations?(version) -> beside(version, action, request)
      action == :survey -> {:ok, %{repos: [], migrations: []}}
      true -> {:error, no_ecto(version)}
    end
  end

  defp no_ecto(version) do
    Error.new(:no_ecto, "release #{version} has no ecto_sql to migrate with",
      suggestions: ["build it again with ecto_sql among its applications"]
    )
  end

  # One node of several on one database ends only what it has begun itself. 63 bytes is PostgreSQL's limit.
  defp session_prefix do
    id = :crypto.hash(:sha256, "#{node()} #{Root.path()}") |> Base.encode16(case: :lower) |> binary_part(0, 16)
    "bloom-migrations-#{id}-"
  end

  defp here(action, request) do
    apps = for {app, _description, _vsn} <- Application.loaded_applications(), do: app
    action |> Answer.answer(Map.put(request, :apps, Enum.sort(apps)), fn _secrets -> :ok end) |> result()
  end

  defp has_migrations?(version) do
    Config.get(:database_migrator) != nil or
      [Root.path(), "releases", version, "*.rel"]
      |> Path.join()
      |> Path.wildcard()
      |> Enum.any?(fn rel ->
        {:ok, [{:release, _name, _erts, apps}]} = :file.consult(rel)
        Enum.any?(apps, &(elem(&1, 0) == :ecto_sql))
      end)
  end

  defp beside(version, action, request) do
    opts = [
      timeout_ms: request.timeout_ms + @boot_ms,
      niceness: if(action == :survey, do: 19, else: 0),
      tell: &Logger.info("Bloom: migrations of release #{version}: #{&1}")
    ]

    with {:ok, answer} <- TargetVM.ask(Root.path(), version, %{migrations: {action, request}}, opts) do
      case answer do
        %{migrations: answer} -> result(answer)
        _does_not_know -> {:error, too_old(version)}
      end
    end
  end

  defp result({:ok, value}), do: {:ok, value}

  defp result({:error, failure}) do
    details = %{done: Map.get(failure, :done, [])}
    {:error, Error.new(failure.code, failure.message, details: details, suggestions: failure.suggestions)}
  end

  defp too_old(version) do
    Error.new(:bloom_too_old, "the Bloom in release #{version} knows nothing of migrations",
      suggestions: ["build release #{version} with this Bloom, and run its migrations by hand until then"]
    )
  end
end
