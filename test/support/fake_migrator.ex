defmodule Bloom.Test.FakeMigrator do
  @moduledoc "A migrator whose database is a process: for what a real one does not do on demand."

  @behaviour Bloom.MigrationTracker.Migrator

  use Agent

  @repo "Garden.Repo"

  @doc "Starts it with these versions among the files, none of them applied; `failing` fail in either direction."
  def start_link(opts) do
    state = %{files: opts[:files], applied: [], failing: Keyword.get(opts, :failing, [])}
    state = Map.merge(state, %{unreachable: 0, code: :database_unreachable})
    Agent.start_link(fn -> state end, name: __MODULE__)
  end

  def applied, do: Agent.get(__MODULE__, & &1.applied)
  def change(changes), do: Agent.update(__MODULE__, &Map.merge(&1, changes))

  @impl true
  def secrets(_request), do: ["hunter2"]

  @impl true
  def survey(_request) do
    Agent.get_and_update(__MODULE__, fn
      %{unreachable: 0} = state ->
        {{:ok, surveyed(state)}, state}

      state ->
        {failure(state.code, "no connection as hunter2", []), %{state | unreachable: state.unreachable - 1}}
    end)
  end

  defp surveyed(state) do
    repo = %{repo: @repo, app: "garden", adapter: "Fake", config: []}

    migrations =
      for version <- Enum.sort(Enum.uniq(state.files ++ state.applied)) do
        status = if version in state.applied, do: :up, else: :down
        file = if version in state.files, do: "#{version}_m.exs"
        %{repo: @repo, version: version, name: "m", status: status, file: file}
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
      applied = Enum.reduce(done, state.applied, fn {_repo, version}, applied -> apply.(applied, version) end)

      answer =
        if rest == [], do: {:ok, done}, else: failure(:irreversible, "#{inspect(hd(rest))} does not go that way", done)

      {answer, %{state | applied: applied}}
    end)
  end

  defp failure(code, message, done), do: {:error, %{code: code, message: message, suggestions: ["fix it"], done: done}}
end
