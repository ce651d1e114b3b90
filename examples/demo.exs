# Run by bin/demo: a good day on one node, with upgrades and a rollback under load, and bad days on another.

for file <- ~w(show operation good_day bad_days), do: Code.require_file("demo/#{file}.exs", __DIR__)

defmodule Demo do
  alias Bloom.Test.{Garden, Node}
  alias Demo.{BadDays, GoodDay, Show}

  def main(args, root) do
    {opts, [], []} = OptionParser.parse(args, strict: [json: :boolean])
    good = Show.step("build garden 1.0.0, 1.1.0 and 1.2.0", fn -> Garden.archives(~w(1.0.0 1.1.0 1.2.0)) end)
    bad = Show.step("build the versions of the bad days", fn -> Garden.archives(BadDays.versions()) end)

    summary = on_a_node(good["1.0.0"], Path.join(root, "good"), [], &GoodDay.run(&1, good))
    Show.table(GoodDay.rows(summary))

    restarted = [env: BadDays.env(), restart: true]
    days = on_a_node(good["1.0.0"], Path.join(root, "bad"), restarted, &BadDays.run(&1, bad))
    BadDays.show(days)
    not_survived = BadDays.failures(days)

    summary = Map.put(summary, :bad_days_survived, length(days) - length(not_survived))
    if opts[:json], do: IO.puts(Show.json(Map.delete(summary, :failures)))

    cond do
      not GoodDay.good?(summary) -> {:failed, summary.failures}
      not_survived != [] -> {:failed, not_survived}
      true -> :ok
    end
  end

  defp on_a_node(archive, root, opts, fun) do
    Node.deploy(archive, root)
    {:ok, node} = Show.step("boot 1.0.0 with its own launcher", fn -> Node.start(root, opts) end)

    try do
      fun.(node)
    after
      Node.stop(node)
    end
  end
end

case Demo.main(System.argv(), System.fetch_env!("BLOOM_DEMO_ROOT")) do
  :ok ->
    :ok

  {:failed, failures} ->
    IO.puts(:stderr, "the demo failed: #{inspect(failures)}")
    System.halt(1)
end
