# Run by bin/demo: three versions of garden, one node, load on it, upgrades and a rollback.

defmodule Demo do
  alias Bloom.Test.{Garden, Load, Node}

  @phase_ms 8_000
  @stages [:starting, :stage, :plan, :rehearse, :switch, :probation, :take_back, :commit]

  def main(args, root) do
    {opts, [], []} = OptionParser.parse(args, strict: [json: :boolean])
    archives = step("build garden 1.0.0, 1.1.0 and 1.2.0", fn -> Garden.archives(~w(1.0.0 1.1.0 1.2.0)) end)
    Node.deploy(archives["1.0.0"], root)
    {:ok, node} = step("boot 1.0.0 with its own launcher", fn -> Node.start(root) end)

    summary =
      try do
        run(node, archives)
      after
        Node.stop(node)
      end

    table(summary)
    if opts[:json], do: IO.puts(json(summary))
    if good?(summary), do: :ok, else: {:failed, summary.failures}
  end

  defp run(node, archives) do
    pid = Node.os_pid(node)
    {_, baseline} = step("load without a switch, #{@phase_ms} ms", fn -> phase(node, fn -> :ok end) end)

    {results, load} =
      phase(node, fn ->
        [
          upgrade(node, archives, "1.1.0"),
          upgrade(node, archives, "1.2.0"),
          operation(node, "roll back", :rollback_release, [])
        ]
      end)

    kept = baseline.watered + load.watered
    counted = node |> Node.get("/beds") |> String.to_integer()

    %{
      requests: baseline.requests + load.requests,
      failed: baseline.failed + load.failed,
      failures: baseline.failures ++ load.failures ++ Enum.reject(results, &(&1 == :ok)),
      os_pid_unchanged: Node.os_pid(node) == pid,
      state_preserved: counted == kept,
      switches: results |> Enum.take(2) |> Enum.count(&(&1 == :ok)),
      rollbacks: results |> Enum.drop(2) |> Enum.count(&(&1 == :ok)),
      running: Node.get(node, "/version"),
      max_latency_ms: load.max_ms,
      baseline_max_latency_ms: baseline.max_ms,
      p99_latency_ms: load.p99_ms,
      baseline_p99_latency_ms: baseline.p99_ms
    }
  end

  # Both phases have the same load for the same time.
  defp phase(node, fun) do
    Load.during(node.http_port, fn ->
      started = System.monotonic_time(:millisecond)
      result = fun.()
      rest = max(@phase_ms - (System.monotonic_time(:millisecond) - started), 0)
      receive after: (rest -> result)
    end)
  end

  defp upgrade(node, archives, version) do
    Node.upload(node, archives[version])

    with :ok <- operation(node, "install #{version}", :install_release, [version]) do
      node |> Node.rpc(Bloom, :plan, [version]) |> explain()
      operation(node, "switch to #{version}", :switch_release, [version])
    end
  end

  defp operation(node, title, function, arguments) do
    step(title, fn -> Node.rpc(node, Bloom.ReleaseManager, function, arguments) end, fn ->
      case Node.rpc(node, Bloom, :status, []) do
        :idle -> {0, "starting"}
        %{stage: stage} -> {Enum.find_index(@stages, &(&1 == stage)) / length(@stages), stage}
      end
    end)
  end

  defp explain({:ok, plan}) do
    IO.puts("    decided: #{plan.decision}#{if plan.reasons != [], do: ", because " <> Bloom.Plan.explain(plan)}")

    for app <- plan.applications, app.change != :unchanged do
      modules = Enum.map_join(app.modules, ", ", fn module -> "#{short(module.name)} #{how(module)}" end)

      IO.puts("    #{app.name} #{app.from_version} -> #{app.to_version}: #{modules}")
    end

    if plan.protocols != [], do: IO.puts("    protocols swapped: #{Enum.map_join(plan.protocols, ", ", &short/1)}")
  end

  defp explain({:error, message}), do: IO.puts("    no plan: #{message}")

  defp short(module), do: String.replace_prefix(module, "Elixir.", "")

  defp how(%{change: :changed, load: :update}), do: "changes its state"
  defp how(%{change: :changed, load: :supervisor}), do: "compares its children"
  defp how(%{change: :changed}), do: "is loaded"
  defp how(%{change: change}), do: "is #{change}"

  # A progress bar on a terminal, a line elsewhere.
  defp step(title, fun, progress \\ fn -> {0, "working"} end) do
    started = System.monotonic_time(:millisecond)
    ticker = if terminal?(), do: spawn_link(fn -> tick(title, progress) end)
    result = fun.()
    if ticker, do: stop_ticker(ticker)
    elapsed = System.monotonic_time(:millisecond) - started
    verdict = if match?({:error, _}, result), do: "failed: #{elem(result, 1)}", else: "done"
    IO.puts("#{String.pad_trailing(title, 40)} #{verdict} (#{elapsed} ms)")
    result
  end

  defp tick(title, progress) do
    bar(title, progress.())

    receive do
      {:stop, from} -> send(from, :stopped)
    after
      50 -> tick(title, progress)
    end
  end

  defp stop_ticker(ticker) do
    send(ticker, {:stop, self()})
    receive(do: (:stopped -> IO.write("\r\e[K")))
  end

  defp bar(title, {share, stage}) do
    done = round(share * 24)
    bar = String.duplicate("#", done) <> String.duplicate(".", 24 - done)
    IO.write("\r\e[K#{String.pad_trailing(title, 40)} [#{bar}] #{stage}")
  end

  defp terminal?, do: match?({:ok, _columns}, :io.columns())

  defp table(summary) do
    rows = [
      {"requests", summary.requests},
      {"failed", summary.failed},
      {"switches, rollbacks", "#{summary.switches}, #{summary.rollbacks}"},
      {"state preserved", summary.state_preserved},
      {"OS process unchanged", summary.os_pid_unchanged},
      {"running at the end", summary.running},
      {"p99 latency, with and without", "#{summary.p99_latency_ms} ms, #{summary.baseline_p99_latency_ms} ms"},
      {"max latency, with and without", "#{summary.max_latency_ms} ms, #{summary.baseline_max_latency_ms} ms"}
    ]

    IO.puts("")
    for {name, value} <- rows, do: IO.puts("#{String.pad_trailing(name, 32)} #{value}")
  end

  defp good?(summary) do
    summary.failed == 0 and summary.failures == [] and summary.state_preserved and summary.os_pid_unchanged and
      {summary.switches, summary.rollbacks} == {2, 1}
  end

  defp json(summary) do
    fields = for {key, value} <- Enum.sort(Map.delete(summary, :failures)), do: ~s("#{key}": #{json_value(value)})
    "{#{Enum.join(fields, ", ")}}"
  end

  defp json_value(text) when is_binary(text), do: inspect(text)
  defp json_value(value), do: to_string(value)
end

case Demo.main(System.argv(), System.fetch_env!("BLOOM_DEMO_ROOT")) do
  :ok ->
    :ok

  {:failed, failures} ->
    IO.puts(:stderr, "the demo failed: #{inspect(failures)}")
    System.halt(1)
end
