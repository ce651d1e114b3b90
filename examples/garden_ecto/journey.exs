# Run by the command journey beside it.

Code.require_file("examples/demo/show.exs", System.fetch_env!("BLOOM_PATH"))

defmodule Journey do
  alias Bloom.Test.{Load, Node}
  alias Demo.Show

  @rain 20_260_201_000_000

  # Ecto tells of every query; counted are all, and those that failed.
  @count_queries """
  counters = :counters.new(2, [])
  :persistent_term.put(:journey, counters)

  :ok = :telemetry.attach("journey", [:garden, :repo, :query], fn _event, _measurements, %{result: {result, _}}, _ ->
    :counters.add(counters, 1, 1)
    if result == :error, do: :counters.add(counters, 2, 1)
  end, nil)
  """

  def main(archives, root) do
    Node.deploy(archives["1.0.0"], root)
    :ok = Show.step("create the tables of 1.0.0", fn -> migrate(root) end)
    {:ok, node} = Show.step("boot 1.0.0 with its own launcher", fn -> Node.start(root) end)

    try do
      proofs = travel(node, archives)
      IO.puts("")
      for {claim, proven} <- proofs, do: IO.puts("#{if proven, do: "proven:    ", else: "NOT PROVEN:"} #{claim}")
      Enum.all?(proofs, &elem(&1, 1))
    after
      Node.stop(node)
    end
  end

  # As it is done without Bloom, on a machine that has no release yet.
  defp migrate(root) do
    case System.cmd(Path.join(root, "bin/garden"), ["eval", "Garden.Release.migrate"], stderr_to_stdout: true) do
      {_output, 0} -> :ok
      {output, _status} -> {:error, output}
    end
  end

  defp travel(node, archives) do
    before = %{schema: schema(node), pid: Node.os_pid(node)}
    Node.eval(node, @count_queries)

    {proofs, load} =
      Load.during(node.http_port, fn ->
        up(node, archives, before) ++
          down(node, before) ++
          bad(node, archives, "1.2.0-halfway", before) ++
          bad(node, archives, "1.2.0-unhealthy", before)
      end)

    for failure <- load.failures, do: IO.puts("    a request failed: #{inspect(failure, printable_limit: 100)}")

    {queries, failed} =
      Node.eval(node, "c = :persistent_term.get(:journey); {:counters.get(c, 1), :counters.get(c, 2)}")

    proofs ++
      [
        {"#{load.requests} requests that write to the database, none failed", load.failed == 0 and load.requests > 0},
        {"#{queries} queries, none failed", failed == 0 and queries >= load.requests},
        {"what was acknowledged is in the database: #{load.watered}", ask(node, "/beds") == {:ok, "#{load.watered}"}}
      ] ++ restore(node)
  end

  defp up(node, archives, before) do
    switched = switch(node, archives, "1.1.0")
    backup = told("backup", Node.rpc(node, Bloom.Metadata, :get_backup_info, ["1.1.0"]))
    told("migrations", Node.rpc(node, Bloom.Metadata, :get_migration_info, ["1.1.0"]))

    [
      {"1.1.0 runs", switched == :ok and Node.get(node, "/version") == "1.1.0"},
      {"in the same process of the operating system", Node.os_pid(node) == before.pid},
      {"a verified backup was made before it", match?(%{verified: how} when how in [:contents, :restored], backup)},
      {"its migration ran", @rain in schema(node).migrations and "rain_mm" in columns(schema(node))},
      {"it uses the new column", match?({:ok, _mm}, ask(node, "/rain?mm=1"))}
    ]
  end

  defp told(what, {:ok, info}) do
    IO.puts("    #{what}: #{inspect(info, limit: 20)}")
    info
  end

  defp told(what, {:error, why}) do
    IO.puts("    #{what}: #{why}")
    nil
  end

  defp down(node, before) do
    rolled_back = Show.step("roll back", fn -> manager(node, :rollback_release, [[wait: :commit]]) end)

    [
      {"1.0.0 runs again after the rollback", rolled_back == :ok and Node.get(node, "/version") == "1.0.0"},
      {"the migration is rolled back, the schema as before", schema(node) == before.schema}
    ]
  end

  defp bad(node, archives, version, before) do
    switched = switch(node, archives, version)
    {:ok, [latest | _]} = Node.rpc(node, Bloom.Metadata, :get_deployment_history, [])
    IO.puts("    #{latest.outcome}: #{(latest.reason || "no reason") |> String.split("\n") |> hd()}")

    [
      {"#{version} does not stay", match?({:error, _why}, switched) and Node.get(node, "/version") == "1.0.0"},
      {"the schema is as before #{version}", schema(node) == before.schema}
    ]
  end

  defp switch(node, archives, version) do
    Node.upload(node, archives[version])

    with :ok <- Show.step("install #{version}", fn -> manager(node, :install_release, [version]) end) do
      Show.step("switch to #{version}", fn -> manager(node, :switch_release, [version, [wait: :commit]]) end)
    end
  end

  defp restore(node) do
    backed_up = ask(node, "/beds")

    restored =
      with {:ok, _info} <- Show.step("back up by hand", fn -> backup(node, :create_backup) end),
           for(_time <- 1..3, do: ask(node, "/water?bed=after-the-backup")),
           :ok <- Show.step("restore it", fn -> backup(node, :restore_backup) end),
           do: await_beds(node)

    [{"a backup is restored under the running application", restored == backed_up}]
  end

  defp backup(node, function), do: Node.rpc(node, Bloom.DatabaseBackup, function, ["by-hand"])

  # The repo's connections went with the database that was replaced; they come back by themselves.
  defp await_beds(node, tries \\ 100) do
    case ask(node, "/beds") do
      {:error, _why} when tries > 0 -> receive(after: (100 -> await_beds(node, tries - 1)))
      answer -> answer
    end
  end

  defp ask(node, path) do
    case Bloom.Test.HTTP.get(node.http_port, path) do
      {:ok, 200, body} -> {:ok, body}
      {:ok, status, _body} -> {:error, status}
      {:error, why} -> {:error, why}
    end
  end

  defp manager(node, function, arguments), do: Node.rpc(node, Bloom.ReleaseManager, function, arguments)

  # Everything that Ecto and the application can see of the schema.
  defp schema(node) do
    %{
      columns: rows(node, "SELECT table_name, column_name, data_type, is_nullable, column_default
        FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"),
      migrations: node |> rows("SELECT version FROM schema_migrations ORDER BY 1") |> List.flatten()
    }
  end

  defp rows(node, query), do: Node.eval(node, "Garden.Repo.query!(#{inspect(query)}).rows")
  defp columns(%{columns: rows}), do: Enum.map(rows, &Enum.at(&1, 1))
end

archives =
  for path <- "GARDEN_ARCHIVES" |> System.fetch_env!() |> String.split(), into: %{} do
    {path |> Path.basename(".tar.gz") |> String.replace_prefix("garden-", ""), path}
  end

unless Journey.main(archives, System.fetch_env!("GARDEN_ROOT")), do: System.halt(1)
