defmodule Bloom.CLI.Questions do
  @moduledoc "The commands that are one question to the node and its answer."

  alias Bloom.CLI.{Arguments, Output, Remote, Session, Words}
  alias Bloom.Plan

  @history 20

  @doc "Asks."
  @spec run(Arguments.t(), Session.t()) :: Output.result()
  def run(%{command: "status"}, session) do
    with {:ok, release} <- ask(session, :current),
         {:ok, status} <- ask(session, :status),
         {:ok, history} <- ask(session, :history, [[limit: 1]]) do
      last = history |> List.first() |> without_steps()
      node = session.remote.node
      {:done, %{node: node, release: release, deployment: status, last: last}, status(node, release, status, last)}
    end
  end

  def run(%{command: "health-check"}, session) do
    with {:ok, health} <- ask(session, :health) do
      {if(health.healthy, do: :done, else: :unmet), health, Enum.map(health.checks, &Words.check/1)}
    end
  end

  def run(%{command: "plan", arguments: [version], options: options}, session) do
    with {:ok, plan} <- ask(session, :plan, [version]) do
      {required(plan.decision, options[:require]), plan, Plan.Text.lines(plan)}
    end
  end

  def run(%{command: "history", options: options}, session) do
    with {:ok, history} <- ask(session, :history, [[limit: options[:limit] || @history]]) do
      {:done, %{deployments: history}, or_none(Enum.map(history, &Words.deployment/1), "nothing was deployed yet")}
    end
  end

  def run(%{command: "releases"}, session) do
    with {:ok, releases} <- ask(session, :list) do
      {:done, %{releases: releases}, Enum.map(releases, &Words.release/1)}
    end
  end

  def run(%{command: "remove", arguments: [version], options: options}, session) do
    if options[:dry_run] do
      with {:ok, report} <- ask(session, :remove, [version, [dry_run: true]]),
           do: {:done, report, Words.removal(report)}
    else
      with :ok <- ask(session, :remove, [version]), do: {:done, %{version: version}, [{:green, "removed #{version}"}]}
    end
  end

  def run(%{command: "backup", arguments: [version]}, session) do
    with {:ok, backup} <- ask(session, :backup, [version]) do
      size = "#{Words.megabytes(backup.bytes)} MB"
      {:done, backup, [{:green, "backup #{backup.id}, #{size}, verified (#{backup.verified}): #{backup.directory}"}]}
    end
  end

  def run(%{command: "cancel"}, session) do
    with :ok <- ask(session, :cancel), do: {:done, %{}, [{:green, "cancelled; what was done is undone"}]}
  end

  def run(%{command: "verify-audit"}, session) do
    with {:ok, audit} <- ask(session, :verify_audit) do
      whole = "the audit log is whole: #{audit.rows} rows, the last has the digest #{audit.head}"
      {:done, audit, [{:green, whole} | without_digest(audit)]}
    end
  end

  # Anybody who can write the file can put in such rows; whether an older Bloom has run is for people to know.
  defp without_digest(audit) do
    for {number, what} <- [{audit.pending, "without a digest"}, {audit.adopted, "that had none and were chained on"}],
        number > 0,
        do: {:yellow, "rows #{what}: #{number}, right only if an older Bloom has run here"}
  end

  defp ask(session, operation, arguments \\ []), do: Remote.call(session.remote, operation, arguments)

  defp status(node, release, status, last) do
    doing = if status == :idle, do: "nothing is in progress", else: {:yellow, Words.progress(status)}
    latest = if last && last.outcome, do: [Words.deployment(last)], else: []
    ["#{release.name} #{release.version} (#{release.status}) runs on #{node}", doing | latest]
  end

  defp without_steps(nil), do: nil
  defp without_steps(deployment), do: Map.delete(deployment, :steps)

  defp required(:hot, _anything), do: :done
  defp required(_decision, nil), do: :done
  defp required(:restart, "restart"), do: :done
  defp required(_decision, _require), do: :unmet

  defp or_none([], text), do: [text]
  defp or_none(lines, _text), do: lines
end
