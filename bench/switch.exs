defmodule Bench.Switch do
  @moduledoc "The switch itself: OTP's install_release bare and through Bloom, and what HTTP requests notice of it."

  import Bench.Measure

  alias Bloom.Test.{Garden, Load, Node}

  @runs 5
  @load_ms 3_000

  def run(dir) do
    archives = Garden.archives(["1.0.0", "1.1.0"])

    rows =
      for plants <- [0, 1_000, 10_000] do
        root = Path.join(dir, "node-#{plants}")
        Node.deploy(archives["1.0.0"], root)
        # Committed at once: how long it would be watched is no part of the switch.
        {:ok, node} = Node.start(root, env: [{"GARDEN_PROBATION_MS", "0"}])
        Node.upload(node, archives["1.1.0"])
        :ok = Node.rpc(node, Bloom.ReleaseManager, :install_release, ["1.1.0"])
        :ok = Node.eval(node, "Garden.Plants.grow(#{plants})")
        Node.eval(node, timing_handler())
        Node.rpc(node, Application, :put_env, [:bloom, :release_handler, TimingHandler])
        row = row(node, plants)
        Node.stop(node)
        row
      end

    [
      "## Switch\n\n",
      "Garden 1.0.0 to 1.1.0, with processes of a changed module. `install_release` is OTP's call, timed bare and inside ",
      "`switch_release`, which also plans, rehearses, proves and commits. Latencies are those of #{div(@load_ms, 1000)} s of ",
      "HTTP load on 8 connections, with and without a switch in them.\n\n",
      table(
        [
          "processes",
          "install_release bare",
          "through Bloom",
          "ratio",
          "whole switch_release",
          "max latency without",
          "with a bare switch",
          "with Bloom's switch"
        ],
        rows
      )
    ]
  end

  defp row(node, plants) do
    runs = for _run <- 1..@runs, do: one_run(node)
    figure = fn key -> runs |> Enum.map(& &1[key]) |> median() end

    [
      to_string(plants),
      ms(figure.(:bare)),
      ms(figure.(:install)),
      ratio(figure.(:install), figure.(:bare)),
      ms(figure.(:whole)),
      ms(figure.(:quiet)),
      ms(figure.(:bare_latency)),
      ms(figure.(:bloom_latency))
    ]
  end

  # Bloom's switch first, as it writes the relup that the bare one needs too.
  defp one_run(node) do
    {_, quiet} = loaded(node, fn -> :ok end)
    {whole, with_bloom} = loaded(node, fn -> time(fn -> :ok = Node.rpc(node, Bloom, :switch, ["1.1.0"]) end) end)
    install = Node.eval(node, ":persistent_term.get(TimingHandler)")
    :ok = Node.rpc(node, Bloom, :rollback, [])

    {bare, with_bare} = loaded(node, fn -> bare(node, ~c"1.1.0") end)
    :ok = Node.rpc(node, Bloom, :rollback, [])

    %{
      bare: bare,
      install: install,
      whole: whole,
      quiet: quiet.max_ms,
      bare_latency: with_bare.max_ms,
      bloom_latency: with_bloom.max_ms
    }
  end

  defp loaded(node, fun) do
    {result, load} =
      Load.during(node.http_port, fn ->
        receive after: (div(@load_ms, 2) -> :ok)
        result = fun.()
        receive after: (div(@load_ms, 2) -> result)
      end)

    [] = load.failures
    {result, load}
  end

  defp bare(node, vsn) do
    Node.eval(
      node,
      "{time, {:ok, _, _}} = :timer.tc(fn -> :release_handler.install_release(#{inspect(vsn)}) end); time / 1000"
    )
    |> tap(fn _time -> :ok = Node.rpc(node, :release_handler, :make_permanent, [vsn]) end)
  end

  defp timing_handler do
    """
    defmodule TimingHandler do
      defdelegate which_releases(), to: :release_handler
      defdelegate check_install_release(vsn), to: :release_handler
      defdelegate make_permanent(vsn), to: :release_handler

      def install_release(vsn) do
        {time, result} = :timer.tc(fn -> :release_handler.install_release(vsn) end)
        :persistent_term.put(TimingHandler, time / 1000)
        result
      end
    end
    """
  end
end
