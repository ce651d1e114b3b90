defmodule Bloom.MigrationTracker.Ecto.Failure do
  @moduledoc "What Ecto and its adapters raise, in words and with what to do next."

  alias Bloom.ErrorInterpreter.Words

  @type t :: Bloom.MigrationTracker.Migrator.failure()

  @ecto_error Ecto.MigrationError
  @connection_error DBConnection.ConnectionError

  @doc "The failure of an exception."
  @spec of(Exception.t(), module()) :: t()
  def of(%{__struct__: @ecto_error} = exception, _repo) do
    message = Exception.message(exception)

    cond do
      message =~ "cannot reverse" ->
        new(:irreversible, message, "write up/0 and down/0 in that migration, or restore the backup")

      message =~ "duplicated" ->
        new(:duplicate_migration, message, "rename one of the files and build the release again")

      true ->
        new(:migration_failed, message, "fix the migration and build the release again")
    end
  end

  # So it comes from where Ecto takes its lock.
  def of(%MatchError{term: {:error, %{__exception__: true} = exception}}, repo), do: of(exception, repo)

  def of(%{__struct__: @connection_error} = exception, repo), do: unreachable(repo, Exception.message(exception))

  def of(%{postgres: %{code: :undefined_table}} = exception, repo) do
    if Exception.message(exception) =~ table(repo), do: no_table(exception), else: failed(exception)
  end

  def of(%{postgres: %{code: :lock_not_available}} = exception, repo) do
    new(
      :migration_locked,
      "a table or the migration lock of #{inspect(repo)} was not free in time: #{Exception.message(exception)}",
      "see who holds it in pg_locks: another node that migrates, or a transaction that was left open; then try again"
    )
  end

  def of(%{postgres: %{code: :query_canceled}} = exception, _repo), do: timeout(Exception.message(exception))

  def of(exception, repo) do
    message = Exception.message(exception)

    if message =~ table(repo) and message =~ ~r/no such table|doesn't exist|does not exist/,
      do: no_table(exception),
      else: failed(exception)
  end

  defp table(repo), do: to_string(repo.config()[:migration_source] || "schema_migrations")

  defp no_table(exception) do
    new(:no_migrations_table, Exception.message(exception), "run a migration: the first one makes it")
  end

  defp failed(exception) do
    new(:migration_failed, Words.of(exception), "fix the migration and build the release again")
  end

  @doc "The time that migrations have was over."
  @spec timeout(String.t()) :: t()
  def timeout(text) do
    new(
      :migration_timeout,
      "a migration took too long: #{text}",
      "raise database_migration_timeout_ms, or do less in one"
    )
  end

  @doc "No connection to the repo's database."
  @spec unreachable(module(), String.t()) :: t()
  def unreachable(repo, text) do
    case storage(repo) do
      :down ->
        new(
          :no_such_database,
          "the database of #{inspect(repo)} does not exist",
          "create it, with mix ecto.create or the database's own tools"
        )

      _not_known ->
        new(
          :database_unreachable,
          "the database of #{inspect(repo)} cannot be reached: #{first_lines(text)}",
          "see whether it runs and whether the repo's configuration is right"
        )
    end
  end

  # Asked again, as the pool only says that there was no connection in time.
  defp storage(repo) do
    repo.__adapter__().storage_status(repo.config())
  rescue
    _cannot_say -> :unknown
  end

  @doc "Ecto does not start."
  @spec not_started(term()) :: t()
  def not_started(reason) do
    new(:no_ecto, "ecto_sql cannot be started: #{Words.of(reason)}", "build the release again with ecto_sql in it")
  end

  @doc "A version without a file."
  @spec no_file(non_neg_integer(), module()) :: t()
  def no_file(version, repo) do
    new(
      :no_migration_file,
      "the release has no file of migration #{version} of #{inspect(repo)}",
      "take it back by hand, or with the release that has it"
    )
  end

  @doc "A file in which no module is a migration."
  @spec no_migration(Path.t()) :: t()
  def no_migration(file) do
    new(:no_migration, "#{Path.basename(file)} does not define an Ecto.Migration", "fix it and build the release again")
  end

  @doc "A file that cannot be compiled."
  @spec not_compiled(Path.t(), Exception.t()) :: t()
  def not_compiled(file, exception) do
    new(
      :migration_does_not_compile,
      "#{Path.basename(file)} cannot be compiled: #{Words.of(exception)}",
      "fix it and build the release again"
    )
  end

  @doc "A migration that lacks the direction it is wanted in."
  @spec one_way(Path.t(), :up | :down) :: t()
  def one_way(file, :down) do
    new(
      :irreversible,
      "#{Path.basename(file)} has neither down/0 nor change/0, so it cannot be rolled back",
      "write down/0 in that migration, or restore the backup"
    )
  end

  def one_way(file, :up) do
    new(:no_migration, "#{Path.basename(file)} has neither up/0 nor change/0", "fix it and build the release again")
  end

  defp new(code, message, suggestion), do: %{code: code, message: message, suggestions: [suggestion]}

  defp first_lines(text), do: text |> String.split("\n", trim: true) |> Enum.take(10) |> Enum.join("\n")
end
