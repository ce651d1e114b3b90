defmodule Bloom.Integration.JournalTest do
  # A node whose journal is of no use: it serves on, and deploys again when somebody has done what it says.
  use Bloom.Test.ReleaseCase

  defp tree(root), do: root |> Node.tree() |> Map.reject(fn {path, _digest} -> path =~ ~r"^bloom[.]db" end)
  defp journal(node, function, arguments \\ []), do: Node.rpc(node, Bloom.Metadata, function, arguments)

  # Nothing gets in, and nothing else has changed.
  defp refused(node) do
    before = tree(node.root)
    assert {:error, message} = Node.rpc(node, Bloom.ReleaseManager, :install_release, ["1.1.0"])
    assert {:error, ^message} = switch(node, "1.0.0")
    assert Node.get(node, "/water?bed=north") =~ ~r/^\d+$/
    assert Node.rpc(node, Bloom, :status, []) == :idle
    assert tree(node.root) == before
    message
  end

  test "one that cannot be written refuses deployments until it can, a damaged one until it is given up",
       %{node: node, root: root} do
    Node.upload(node, Bloom.Test.Garden.archive("1.1.0"))
    # The one place that not even the superuser may write to.
    Node.rpc(node, Application, :put_env, [:bloom, :app_root, "/sys"])
    message = refused(node)
    assert message =~ "the journal /sys/bloom.db cannot be written"
    assert message =~ "give the user that runs the node the right to write it and its directory"
    Node.rpc(node, Application, :delete_env, [:bloom, :app_root])
    assert {:ok, []} = journal(node, :get_deployment_history)

    :ok = Node.stop(node, :kill)
    damaged = :binary.copy(<<0xA5>>, 20_000)
    for file <- Path.wildcard(Path.join(root, "bloom.db-*")), do: File.rm!(file)
    File.write!(Path.join(root, "bloom.db"), damaged)
    node = start_again(root)

    assert [said] = Node.await_log(node, ~r/Bloom: no deployment is let in: .*\n/)
    message = refused(node)
    for text <- [said, message], do: assert(text =~ "bloom.db is damaged")
    assert [_all, kept] = Regex.run(~r/it is kept as (\S+\/bloom\.db\.damaged-\d+)/, message)
    assert said =~ kept
    assert File.read!(kept) == damaged

    # What the message says.
    assert message =~ "give its history up with Bloom.Metadata.start_anew()"
    assert :ok = journal(node, :start_anew)
    assert :ok = install(node, "1.1.0")
    assert {:ok, [%{outcome: :installed, version: "1.1.0"}]} = journal(node, :get_deployment_history)
    assert File.read!(kept) == damaged
  end
end
