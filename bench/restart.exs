defmodule Bench.Restart do
  @moduledoc "How long nobody is answered: a restart switch through Bloom beside a plain restart of the node."

  import Bench.Measure

  alias Bloom.Test.{Garden, Load, Node}

  @runs 5
  @settle_ms 500

  def run(dir) do
    archives = Garden.archives(["1.0.0", "1.1.0"])
    Node.deploy(archives["1.0.0"], dir)
    env = [{"GARDEN_PROBATION_MS", "0"}, {"GARDEN_RESTARTED_BY", "the benchmark"}]
    {:ok, node} = Node.start(dir, env: env, restart: true)
    Node.upload(node, archives["1.1.0"])
    :ok = Node.rpc(node, Bloom, :install, ["1.1.0"])

    runs =
      for _run <- 1..@runs do
        %{
          command: silence(node, fn -> restart_command(node) end),
          stop: silence(node, fn -> stopped(node) end),
          bloom: silence(node, fn -> switched(node) end)
        }
      end

    Node.stop(node)
    figure = fn key -> runs |> Enum.map(& &1[key]) |> median() end

    [
      "## Restart\n\n",
      "The longest time without an answer under HTTP load on 8 connections, which try again all the time; medians of ",
      "#{@runs}. Garden starts in the blink of an eye: what an application takes to start comes on top of each row.\n\n",
      table(
        ["", "nobody answered for", "beside the launcher's restart"],
        for {name, key} <- [
              {"`bin/garden restart`", :command},
              {"`bin/garden stop`, and its supervisor starts it again", :stop},
              {"Bloom's restart switch to 1.1.0 and back", :bloom}
            ] do
          [name, ms(figure.(key)), ratio(figure.(key), figure.(:command))]
        end
      )
    ]
  end

  defp silence(node, fun) do
    {_, load} =
      Load.during(
        node.http_port,
        fn ->
          # A silence is one between two answers.
          receive after: (@settle_ms -> :ok)
          fun.()
          receive after: (@settle_ms -> :ok)
        end,
        restarts: true
      )

    load.silence_ms
  end

  # The VM starts again inside its operating system's process.
  defp restart_command(node), do: :ok = Node.restart_inside(node)

  defp stopped(node) do
    starts = Node.starts(node)
    Node.rpc(node, System, :stop, [])
    :ok = Node.await_start(node, starts + 1)
  end

  # There and back by turns: each run switches to what does not run.
  defp switched(node) do
    starts = Node.starts(node)
    version = if Node.get(node, "/version") == "1.0.0", do: "1.1.0", else: "1.0.0"
    {:ok, :restarting} = Node.rpc(node, Bloom, :switch, [version, [mode: :restart]])
    :ok = Node.await_start(node, starts + 1)
    :ok = Node.rpc(node, Bloom.Deployment, :await_end, [])
    ^version = Node.get(node, "/version")
  end
end
