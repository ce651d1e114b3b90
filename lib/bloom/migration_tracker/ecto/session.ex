defmodule Bloom.MigrationTracker.Ecto.Session do
  @moduledoc """
  A repo that is started for migrations only.

  On PostgreSQL its connections carry a name and do not outlive their time: a statement that waits for a lock keeps everybody
  else waiting behind it, also when whoever sent it is gone.
  """

  alias Bloom.MigrationTracker.Ecto.Failure
  alias Bloom.ErrorInterpreter.Words

  @postgres Ecto.Adapters.Postgres
  # How often it is looked whether a session has ended, and how long, in tenths of a second.
  @looks 50

  @doc "Starts the repo, runs `fun` and stops it; what is raised is a failure."
  @spec with_repo(module(), map(), (() -> {:ok, value} | {:error, map()})) :: {:ok, value} | {:error, map()}
        when value: term()
  def with_repo(repo, request, fun) do
    name(repo, request)

    case apply(Ecto.Migrator, :with_repo, [repo, fn _repo -> fun.() end]) do
      {:ok, result, _started} -> result
      {:error, reason} -> {:error, Failure.unreachable(repo, Words.of(reason))}
    end
  rescue
    exception -> {:error, Failure.of(exception, repo)}
  end

  defp name(repo, request) do
    config = repo.config()

    if repo.__adapter__() == @postgres do
      own = Application.get_env(config[:otp_app], repo, [])
      parameters = Keyword.put(config[:parameters] || [], :application_name, request.session)
      after_connect = &limit(&1, request.timeout_ms, config[:after_connect])
      own = Keyword.merge(own, parameters: parameters, after_connect: after_connect)
      Application.put_env(config[:otp_app], repo, own)
    end
  end

  # Not as parameters of the connection, which PgBouncer refuses.
  @doc false
  def limit(connection, timeout_ms, own) do
    # The shorter one for locks, as its error says what the matter is.
    for {limit, ms} <- [lock_timeout: div(timeout_ms * 9, 10), statement_timeout: timeout_ms],
        do: apply(Postgrex, :query!, [connection, "SET #{limit} = #{ms}", []])

    case own do
      nil -> :ok
      fun when is_function(fun, 1) -> fun.(connection)
      {module, function, arguments} -> apply(module, function, [connection | arguments])
    end
  end

  @doc "Ends the sessions that an earlier VM of this node left in the database, and waits until they are gone."
  @spec end_leftovers(module(), map()) :: :ok
  def end_leftovers(repo, request) do
    if repo.__adapter__() == @postgres, do: end_leftovers(repo, request, @looks), else: :ok
  end

  defp end_leftovers(_repo, _request, 0), do: raise("sessions of an interrupted migration do not end")

  defp end_leftovers(repo, request, looks) do
    query =
      "SELECT pg_terminate_backend(pid), pg_sleep(0.1) FROM pg_stat_activity " <>
        "WHERE application_name LIKE $1 AND application_name <> $2 AND datname = current_database()"

    case repo.query!(query, [request.session_prefix <> "%", request.session]) do
      %{rows: []} -> :ok
      _ended -> end_leftovers(repo, request, looks - 1)
    end
  end
end
