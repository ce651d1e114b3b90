defmodule Bench.Journal do
  @moduledoc "One durable write of a deployment's journal, from Elixir, beside what else keeps terms on a disk."

  import Bench.Measure

  alias Bloom.{DurableFile, JSON, Metadata}

  @rounds 5
  @writes 200

  # What a deployment knows after some steps.
  @facts %{placed: for(index <- 1..40, do: "lib/application_#{index}-1.1.0"), from: "1.0.0", decision: :hot}

  def run(dir) do
    Application.put_env(:bloom, :app_root, dir)
    {:ok, deployment} = Metadata.start_deployment(%{operation: :switch, version: "1.1.0", from_version: "1.0.0"})
    {:ok, step} = Metadata.start_step(deployment, :rehearse, :run)
    {:ok, table} = :dets.open_file(:bench_journal, file: to_charlist(Path.join(dir, "journal.dets")))
    file = Path.join(dir, "journal.json")

    times =
      rounds(
        bloom: fn -> :ok = Metadata.finish_step(step, :ok, @facts) end,
        dets: fn ->
          :ok = :dets.insert(table, {deployment, @facts, System.system_time()})
          :ok = :dets.sync(table)
        end,
        json: fn -> DurableFile.write!(file, JSON.encode(%{facts: @facts, at: System.system_time()}), 0o600) end,
        fsync: fsync(Path.join(dir, "bare"))
      )

    :ok = :dets.close(table)
    Metadata.Store.close()

    [
      "## Journal\n\n",
      "One durable write of some #{div(byte_size(:erlang.term_to_binary(@facts)), 100) * 100} bytes of facts: the result of a ",
      "step and the facts of its deployment in Bloom's journal, one record elsewhere. #{@rounds} rounds of #{@writes} ",
      "writes, each side in turn; the figures are medians of the rounds. The last row is what the disk itself takes.\n\n",
      table(["", "p50", "p99", "Bloom's share of p50", "aim"], [
        ["Bloom: `finish_step`", ms2(times.bloom.p50), ms2(times.bloom.p99), "", "1 ms"],
        row("`:dets.insert` and `:dets.sync`", times.dets, times.bloom),
        row("a JSON file of that record alone: write, fsync, rename, fsync of its directory", times.json, times.bloom),
        row("4 KiB appended to a file, and fsync", times.fsync, times.bloom)
      ])
    ]
  end

  defp rounds(sides) do
    for({_name, write} <- sides, do: for(_warm_up <- 1..20, do: write.()))

    for(_round <- 1..@rounds, {name, write} <- sides, do: {name, measure(write)})
    |> Enum.group_by(&elem(&1, 0), &elem(&1, 1))
    |> Map.new(fn {name, rounds} ->
      {name, %{p50: median(Enum.map(rounds, & &1.p50)), p99: median(Enum.map(rounds, & &1.p99))}}
    end)
  end

  defp measure(write) do
    times = Enum.sort(for _write <- 1..@writes, do: time(write))
    %{p50: median(times), p99: Enum.at(times, div(@writes * 99, 100))}
  end

  defp fsync(path) do
    {:ok, file} = :file.open(path, [:raw, :append])
    block = :binary.copy("x", 4096)

    fn ->
      :ok = :file.write(file, block)
      :ok = :file.datasync(file)
    end
  end

  defp row(name, side, bloom), do: [name, ms2(side.p50), ms2(side.p99), ratio(bloom.p50, side.p50), ""]
  defp ms2(value), do: "#{:erlang.float_to_binary(value / 1, decimals: 2)} ms"
end
