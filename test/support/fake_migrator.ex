defmodule Bloom.Test.FakeMigrator do
  @moduledoc """
  A migrator whose database is a process: for what a real one does not do on demand.

  With `live: path` the database is a file of `Bloom.Test.FakeBackend`, a row for each migration, which backups have
  and restores bring back.
  """

  @behaviour Bloom.MigrationTracker.Migrator

  use Agent

  @row "migration "

  @doc "Starts it with these versions among the files, none of them applied; `failing` fail in either direction."
  def start_link(opts) do
    state = %{files: opts[:files], applied: [], failing: Keyword.get(opts, :failing, [])}
    state = Map.merge(state, %{unreachable: 0, code: :database_unreachable, repo: "Garden.Repo", live: nil, surveys: 0})
    Agent.start_link(fn -> state end, name: __MODULE__)
  end

  def applied, do: Agent.get(__MODULE__, &in_database/1)
  def surveys, do: Agent.get(__MODULE__, & &1.surveys)
  def change(changes), do: Agent.update(__MODULE__, &Map.merge(&1, changes))

  @impl true
  def secrets(_request), do: ["hunter2"]

  @impl true
  def survey(_request) do
    Agent.update(__MODULE__, &%{&1 | surveys: &1.surveys + 1})

    Agent.get_and_update(__MODULE__, fn
      %{unreachable: 0} = state ->
        {{:ok, surveyed(state)}, state}

      state ->
        {failure(state.code, "no connection as hunter2", []), %{state | unreachable: state.unreachable - 1}}
    end)
  end

  defp surveyed(state) do
    repo = %{repo: state.repo, app: "garden", adapter: "Fake", config: []}
    applied = in_database(state)

    migrations =
      for version <- Enum.sort(Enum.uniq(state.files ++ applied)) do
        status = if version in applied, do: :up, else: :down
        file = if version in state.files, do: "#{version}_m.exs"
        %{repo: state.repo, version: version, name: "m", status: status, file: file}
      end

    %{repos: [repo], migrations: migrations}
  end

  @impl true
  def run(request), do: each(request.wanted, &(&1 ++ [&2]))

  @impl true
  def rollback(request), do: each(Enum.reverse(request.wanted), &(&1 -- [&2]))

  defp each(wanted, apply) do
    Agent.get_and_update(__MODULE__, fn state ->
      {done, rest} = Enum.split_while(wanted, fn {_repo, version} -> version not in state.failing end)
      applied = Enum.reduce(done, in_database(state), fn {_repo, version}, applied -> apply.(applied, version) end)

      answer =
        if rest == [], do: {:ok, done}, else: failure(:irreversible, "#{inspect(hd(rest))} does not go that way", done)

      {answer, put_applied(state, applied)}
    end)
  end

  defp in_database(%{live: nil, applied: applied}), do: applied
  defp in_database(%{live: live}), do: for(@row <> version <- rows(live), do: String.to_integer(version))

  defp put_applied(%{live: nil} = state, applied), do: %{state | applied: applied}

  defp put_applied(%{live: live} = state, applied) do
    others = Enum.reject(rows(live), &String.starts_with?(&1, @row))
    File.write!(live, for(row <- others ++ Enum.map(applied, &"#{@row}#{&1}"), do: [row, "\n"]))
    state
  end

  defp rows(path), do: path |> File.read!() |> String.split("\n", trim: true)

  defp failure(code, message, done), do: {:error, %{code: code, message: message, suggestions: ["fix it"], done: done}}
end
