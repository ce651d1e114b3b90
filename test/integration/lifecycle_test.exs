defmodule Bloom.Integration.LifecycleTest do
  # What is removed from a real node, and that everything that stays boots, switches and rolls back.
  use Bloom.Test.ReleaseCase

  defp manage(node, function, arguments), do: Node.rpc(node, Bloom.ReleaseManager, function, arguments)
  defp remove(node, version, opts \\ []), do: manage(node, :remove_release, [version, opts])
  defp cleanup(node, opts \\ []), do: Node.rpc(node, Bloom.LifecycleManager, :cleanup, [opts])
  defp versions(node), do: for(release <- manage(node, :list_releases, []), do: release.version)

  defp reboot(node, root) do
    :ok = Node.stop(node, :kill)
    start_again(root)
  end

  defp set(node, options),
    do: for({key, value} <- options, do: Node.rpc(node, Application, :put_env, [:bloom, key, value]))

  # What runs, what was registered, and who asked are not the release's files.
  defp tree(root) do
    Map.reject(Node.tree(root), fn {path, _digest} ->
      Path.basename(path) in ~w(RELEASES start_erl.data) or String.starts_with?(path, "bloom.db")
    end)
  end

  defp last_deployment(node) do
    {:ok, [deployment | _]} = Node.rpc(node, Bloom.Metadata, :get_deployment_history, [])
    deployment
  end

  test "one is removed, and the others boot, switch and roll back", %{node: node, root: root} do
    for version <- ["1.1.0", "1.1.1", "1.2.0"], do: :ok = install(node, version)
    for version <- ["1.1.0", "1.2.0"], do: :ok = switch(node, version)

    assert remove(node, "1.2.0") |> elem(1) =~ "release 1.2.0 runs"
    assert remove(node, "1.1.0") |> elem(1) =~ "release 1.1.0 is what a rollback goes back to"
    assert remove(node, "1.0.0") |> elem(1) =~ "release 1.0.0 is what this VM was booted from"
    assert remove(node, "4.0.0") |> elem(1) =~ "Release not found"

    before = tree(root)
    assert {:ok, would} = remove(node, "1.1.1", dry_run: true)
    assert tree(root) == before
    assert :ok = remove(node, "1.1.1")
    assert %{operation: :remove, outcome: :removed, version: "1.1.1"} = last_deployment(node)

    # Nothing else went, and it went whole.
    stays = Map.reject(before, fn {path, _} -> String.starts_with?(path, Enum.map(would.directories, &(&1 <> "/"))) end)
    assert tree(root) == Map.delete(stays, "releases/garden-1.1.1.tar.gz")
    assert would.freed_bytes > 0 and Enum.any?(would.directories, &String.starts_with?(&1, "lib/garden-1.1.1"))
    assert Enum.all?(would.directories, &(&1 == "releases/1.1.1" or &1 =~ ~r/^lib\/(garden|garden_seeds)-/))

    node = reboot(node, root)
    assert Node.get(node, "/version") == "1.2.0"
    assert :ok = remove(node, "1.0.0")
    assert :ok = rollback(node)
    assert Node.get(node, "/version") == "1.1.0"

    node = reboot(node, root)
    assert Node.get(node, "/version") == "1.1.0"
    assert versions(node) == ["1.2.0", "1.1.0"]
    for version <- ["1.0.0", "1.1.1"], do: assert(:ok = install(node, version))
    for version <- ["1.1.1", "1.0.0"], do: assert(:ok = switch(node, version))
    node = reboot(node, root)
    assert Node.get(node, "/version") == "1.0.0"
  end

  test "old ones go before an installation and after a commit, and can be installed again", %{node: node, root: root} do
    set(node, release_retention_count: 1)
    for version <- ["1.1.0", "1.1.1", "1.2.0"], do: :ok = install(node, version)
    assert versions(node) == ["1.2.0", "1.1.1", "1.0.0"]
    assert [_removed] = Node.await_log(node, ~r/Bloom removed releases 1\.1\.0/)

    assert :ok = install(node, "1.1.0")
    assert versions(node) == ["1.1.0", "1.2.0", "1.0.0"]
    assert :ok = switch(node, "1.1.0")
    assert versions(node) == ["1.1.0", "1.0.0"]

    assert Enum.sort(File.ls!(Path.join(root, "releases"))) -- ["COOKIE", "RELEASES", "start_erl.data"] ==
             ["1.0.0", "1.1.0", "garden-1.1.0.tar.gz"]

    # What a rollback goes back to stays, and after it what the next one would.
    :ok = install(node, "1.2.0")
    :ok = switch(node, "1.2.0")
    node = reboot(node, root)
    set(node, release_retention_count: 1)
    assert :ok = rollback(node)
    assert versions(node) == ["1.2.0", "1.1.0", "1.0.0"]
    assert {:ok, %{removed: []}} = cleanup(node)

    node = reboot(node, root)
    set(node, release_retention_count: 1)
    assert :ok = rollback(node)
    assert Node.get(node, "/version") == "1.0.0"
    node = reboot(node, root)
    assert Node.get(node, "/version") == "1.0.0"
  end

  test "a removal that is killed half-way is finished when the node starts", %{node: node, root: root} do
    :ok = install(node, "1.1.0")
    {:ok, %{directories: directories}} = remove(node, "1.1.0", dry_run: true)

    # As far as a removal comes before the first directory goes.
    Node.eval(node, """
    {:ok, id} = Bloom.Metadata.start_deployment(%{operation: :remove, version: "1.1.0", from_version: "1.0.0"})
    {:ok, _step} = Bloom.Metadata.start_step(id, :remove, :run)
    :ok = Bloom.LifecycleManager.Leftovers.write!(Bloom.Root.path(), #{inspect(directories)})
    :ok = Bloom.ReleasesFile.unregister(Bloom.Root.path(), "1.1.0")
    """)

    node = reboot(node, root)
    assert versions(node) == ["1.0.0"]
    assert %{operation: :remove, outcome: :removed, version: "1.1.0"} = last_deployment(node)
    for directory <- directories, do: refute(File.exists?(Path.join(root, directory)), directory)
    refute File.exists?(Path.join(root, "releases/.bloom-removing"))

    assert :ok = install(node, "1.1.0")
    assert :ok = switch(node, "1.1.0")
  end

  test "kill -9 during a removal leaves the release whole or nothing of it", %{node: node, root: root} do
    :ok = install(node, "1.1.0")
    {:ok, %{directories: directories}} = remove(node, "1.1.0", dry_run: true)
    there? = fn name -> File.exists?(Path.join(root, name)) end

    moments = [
      fn -> there?.("releases/.bloom-removing") end,
      fn -> not String.contains?(File.read!(Path.join(root, "releases/RELEASES")), "1.1.0") end,
      fn -> not there?.("releases/1.1.0") end,
      fn -> not there?.(List.first(directories)) end
    ]

    Enum.reduce(moments, node, fn moment, node ->
      if "1.1.0" not in versions(node), do: :ok = install(node, "1.1.0")
      remover = spawn(fn -> remove(node, "1.1.0") end)
      Stream.repeatedly(fn -> moment.() or not Process.alive?(remover) end) |> Enum.find(& &1)
      Process.exit(remover, :kill)
      node = reboot(node, root)

      registered = "1.1.0" in versions(node)
      for directory <- directories, do: assert(there?.(directory) == registered, "#{directory}, #{registered}")
      refute there?.("releases/.bloom-removing") and not registered
      assert Node.get(node, "/version") == "1.0.0"
      assert Node.rpc(node, Bloom, :status, []) == :idle
      node
    end)
  end

  @tag env: [{"GARDEN_PROBATION_MS", "60000"}]
  test "nothing is removed beside a deployment", %{node: node, root: root} do
    for version <- ["1.1.0", "1.1.1"], do: :ok = install(node, version)
    :ok = switch(node, "1.1.0", [])
    before = tree(root)

    assert remove(node, "1.1.1") |> elem(1) =~ "switch of release 1.1.0 is in progress"
    assert cleanup(node) |> elem(1) =~ "switch of release 1.1.0 is in progress"
    set(node, release_retention_count: 1)
    assert {:ok, %{removed: [], kept: kept}} = cleanup(node, dry_run: true)
    assert %{version: "1.1.0", why: "runs"} in kept
    assert %{version: "1.0.0", why: "is permanent"} in kept
    assert tree(root) == before
  end
end
