defmodule Demo.BadDays do
  # Versions that must not stay, and a node that is killed: each day ends on 1.0.0.

  alias Bloom.Test.{Load, Node}
  alias Demo.{Operation, Show}

  @days [
    {"1.3.0-unhealthy", "its health check fails"},
    {"1.3.0-noisy", "it logs errors under load"},
    {"1.3.0-raises", "its code_change raises"},
    {"1.3.0-noboot", "its configuration does not resolve"},
    {"1.6.0-trialfails", "it needs a restart and does not come up"},
    {"1.1.0", "kill -9 during its probation"}
  ]

  def versions, do: Enum.map(@days, &elem(&1, 0))

  @doc "Runs every day on the node that `node` names, and answers one row for each."
  def run(node, archives), do: Enum.map(@days, &day(node, archives, &1))

  defp day(node, archives, {version, what}) do
    before = node |> Node.get("/beds") |> String.to_integer()
    install = Operation.install(node, archives, version)

    {outcome, load} =
      Load.during(
        node.http_port,
        fn ->
          if install == :ok, do: ends(node, version), else: install
        end,
        restarts: true
      )

    now = node |> Node.get("/beds") |> String.to_integer()

    %{
      day: "#{version}: #{what}",
      outcome: outcome,
      running: Node.get(node, "/version"),
      requests: load.requests,
      failed: load.failed,
      lost: before + load.watered - now,
      # What the workers saw begin anew is the only state that may be lost.
      accounted: now == load.kept or now == before + load.watered,
      silence_ms: round(load.silence_ms)
    }
  end

  defp ends(node, "1.1.0") do
    :ok = Operation.run(node, "switch to 1.1.0", :switch_release, ["1.1.0", []])
    Show.step("kill -9", fn -> Node.kill(node) end)
    reason(node)
  end

  # A trial that fails is two starts: its own, and that of the old release.
  defp ends(node, version) do
    starts = Node.starts(node)

    case Operation.run(node, "switch to #{version}", :switch_release, [version, [wait: :commit]]) do
      {:ok, :restarting} -> Show.step("trial of #{version}", fn -> Node.await_start(node, starts + 2) end)
      _ended -> :ok
    end

    reason(node)
  end

  defp reason(node) do
    {:ok, [latest | _]} = Node.rpc(node, Bloom.Metadata, :get_deployment_history, [])
    "#{latest.outcome}: #{latest.reason |> String.split("\n") |> hd()}"
  end

  @doc "Whether a day ended on the old release, with every request and all state accounted for."
  def survived?(day), do: day.running == "1.0.0" and day.accounted

  def show(days) do
    IO.puts("")

    for day <- days do
      IO.puts(day.day)
      IO.puts("    #{day.outcome}")

      IO.puts(
        "    runs #{day.running}, #{day.requests} requests, #{day.failed} failed, state lost: #{day.lost}, " <>
          "longest time without an answer: #{day.silence_ms} ms"
      )
    end
  end
end
