defmodule Bloom.LifecycleManagerTest do
  # What a removal takes, and what it never takes.
  use Bloom.Test.FakeRootCase

  describe "remove" do
    test "takes what only this release needs, with its archive", %{path: path} do
      root = three(path)
      FakeRoot.write(path, "releases/garden-1.0.0.tar.gz", "1234567")
      FakeRoot.write(path, "releases/garden-1.1.0.tar.gz", "")
      before = Node.tree(path)

      assert {:ok, report} = LifecycleManager.remove(root, "1.0.0")
      assert report.removed == ["1.0.0"]
      assert report.directories == ["lib/garden-1.0.0", "releases/1.0.0"]
      assert report.archives == [Path.join(path, "releases/garden-1.0.0.tar.gz")]

      gone = Map.keys(before) -- Map.keys(Node.tree(path))
      assert "releases/garden-1.0.0.tar.gz" in gone and "lib/garden-1.0.0/ebin/code.beam" in gone
      assert length(gone) == 4
      assert FakeRoot.listed(path) == ["1.2.0", "1.1.0"]
      assert there?(path, "lib/#{@kernel}") and there?(path, "erts-13.1.5/bin/beam.smp")
      assert report.freed_bytes >= 7 + byte_size("garden-1.0.0") + byte_size("1.0.0")
    end

    test "takes an ERTS and a kernel that nobody else needs", %{path: path} do
      old = {"1.0.0", ["kernel-7.0", "garden-1.0.0"], :old, erts: "12.0"}
      root = FakeRoot.make(path, [release("1.2.0", :permanent), release("1.1.0", :old), old])
      assert {:ok, report} = LifecycleManager.remove(root, "1.0.0")
      assert report.directories == ["erts-12.0", "lib/garden-1.0.0", "lib/kernel-7.0", "releases/1.0.0"]
      assert there?(path, "erts-13.1.5") and not there?(path, "erts-12.0")
    end

    test "leaves what a release needs that RELEASES does not know", %{path: path} do
      by_hand = {"1.0.1", ["garden-1.0.0"], nil, []}

      root =
        FakeRoot.make(path, [release("1.2.0", :permanent), release("1.1.0", :old), release("1.0.0", :old), by_hand])

      assert {:ok, %{directories: ["releases/1.0.0"]}} = LifecycleManager.remove(root, "1.0.0")
      assert {:ok, %{directories: ["lib/garden-1.0.0", "releases/1.0.1"]}} = LifecycleManager.remove(root, "1.0.1")
    end

    test "leaves what RELEASES says that a release needs, whatever its .rel says", %{path: path} do
      root = three(path)
      FakeRoot.put_releases(path, for({v, s} <- statuses(), do: FakeRoot.entry(v, [@kernel, "garden-1.0.0"], s)))
      assert {:ok, %{directories: ["releases/1.0.0"]}} = LifecycleManager.remove(root, "1.0.0")
    end

    test "removes nothing where the needs of one release cannot be told", %{path: path} do
      root = three(path)
      FakeRoot.write(path, "releases/9.9.9/garden.rel", "{release,")
      before = Node.tree(path)
      assert {:error, %Error{code: :unknown_needs, message: message}} = LifecycleManager.remove(root, "1.0.0")
      assert message =~ "release 9.9.9"
      assert {:error, %Error{code: :unknown_needs}} = LifecycleManager.cleanup(root, [])
      assert Node.tree(path) == before
    end

    test "of a version that is not there is refused", %{path: path} do
      assert {:error, %Error{code: :release_not_found}} = LifecycleManager.remove(three(path), "4.0.0")
    end

    test "of a release whose directory is gone forgets it", %{path: path} do
      root = three(path)
      File.rm_rf!(Path.join(path, "releases/1.0.0"))
      assert {:ok, %{directories: ["lib/garden-1.0.0"]}} = LifecycleManager.remove(root, "1.0.0")
      assert FakeRoot.listed(path) == ["1.2.0", "1.1.0"]
    end

    test "on a dry run says the same and touches nothing", %{path: path} do
      root = three(path)
      before = Node.tree(path)
      assert {:ok, %{dry_run: true} = would} = LifecycleManager.remove(root, "1.0.0", dry_run: true)
      assert Node.tree(path) == before
      assert {:ok, done} = LifecycleManager.remove(root, "1.0.0")
      assert %{would | dry_run: false} == done
    end

    test "works through a link to the root", %{path: path} do
      three(path)
      link = path <> "-link"
      File.ln_s!(path, link)
      Code.append_path(Path.join(path, "lib/garden-1.1.0/ebin"))
      on_exit(fn -> Code.delete_path(Path.join(path, "lib/garden-1.1.0/ebin")) end)
      root = %Root{path: link, name: "garden", running: "1.2.0"}
      assert {:ok, _report} = LifecycleManager.remove(root, "1.0.0")
      assert refused(root, "1.1.0")
      assert FakeRoot.listed(path) == ["1.2.0", "1.1.0"]
    end

    test "follows no link out of the root", %{path: path} do
      root = three(path)
      precious = path <> "-precious"
      FakeRoot.write(precious, "file", "precious")
      File.rm_rf!(Path.join(path, "lib/garden-1.0.0"))
      File.ln_s!(precious, Path.join(path, "lib/garden-1.0.0"))
      File.ln_s!(precious, Path.join(path, "releases/1.0.0/link"))
      assert {:ok, %{directories: ["releases/1.0.0"]}} = LifecycleManager.remove(root, "1.0.0")
      assert File.read!(Path.join(precious, "file")) == "precious"
    end

    test "takes no archive from a directory that others may share", %{path: path} do
      shared = path <> "-shared"
      FakeRoot.write(shared, "garden-1.0.0.tar.gz", "shared")
      put_option(:releases_dir, shared)
      assert {:ok, %{archives: []}} = LifecycleManager.remove(three(path), "1.0.0")
      assert there?(shared, "garden-1.0.0.tar.gz")
    end

    test "a name that leads elsewhere is refused", %{path: path} do
      for version <- ["../../precious", "..", "1.0 beta", ".", "a/b", "1.0\n"] do
        root = three(path)
        FakeRoot.put_releases(path, [FakeRoot.entry("1.2.0", [@kernel], :permanent), FakeRoot.entry(version, [], :old)])
        # The order of registration would make it the way back.
        history([{"1.2.0", "1.1.0"}])
        before = Node.tree(path)
        assert {:error, %Error{code: :invalid_version}} = LifecycleManager.remove(root, version)
        put_option(:release_retention_count, 1)
        assert {:ok, %{removed: [], kept: kept}} = LifecycleManager.cleanup(root, dry_run: true)
        assert %{version: version, why: "has a name that no release has"} in kept
        assert Node.tree(path) == before
      end
    end
  end

  describe "what is never removed" do
    test "what runs, is permanent or boots next", %{path: path} do
      root = three(path)
      assert refused(root, "1.2.0") == "release 1.2.0 runs"
      assert refused(%{root | running: "1.1.0"}, "1.2.0") == "release 1.2.0 is permanent"
      FakeRoot.write(path, "releases/start_erl.data", "13.1.5 1.0.0")
      assert refused(root, "1.0.0") == "release 1.0.0 is what boots next"
    end

    test "what a rollback goes back to, by the history", %{path: path} do
      root = three(path)
      history([{"1.2.0", "1.0.0"}])
      assert refused(root, "1.0.0") == "release 1.0.0 is what a rollback goes back to"
      assert {:ok, %{removed: ["1.1.0"]}} = LifecycleManager.remove(root, "1.1.0")
    end

    test "what a rollback goes back to without a history, by the order of registration", %{path: path} do
      assert refused(three(path), "1.1.0") == "release 1.1.0 is what a rollback goes back to"
    end

    test "anything, when the history cannot be read", %{path: path, tmp_dir: tmp_dir} do
      root = three(path)
      Bloom.Metadata.Store.close()
      File.write!(Path.join(tmp_dir, "bloom.db"), "no database")
      before = Node.tree(path)
      capture_log(fn -> assert {:error, %Error{code: :store_damaged}} = LifecycleManager.remove(root, "1.0.0") end)
      assert Node.tree(path) == before
    end

    test "both sides of a deployment that has not ended", %{path: path} do
      root = three(path)
      begin(%{operation: :switch, version: "1.0.0", from_version: "1.1.0"})
      assert refused(root, "1.0.0") == "release 1.0.0 is part of a deployment that has not ended"
      assert refused(root, "1.1.0") == "release 1.1.0 is part of a deployment that has not ended"
    end

    test "but for a removal that has not ended", %{path: path} do
      root = three(path)
      begin(%{operation: :remove, version: "1.0.0", from_version: "1.2.0"})
      assert {:ok, %{removed: ["1.0.0"]}} = LifecycleManager.remove(root, "1.0.0")
    end

    test "what is on trial, armed or booted", %{path: path} do
      for file <- [".bloom-trial", ".bloom-trial.booted"] do
        root = three(path)
        FakeRoot.write(path, "releases/#{file}", "1.0.0 120\n")
        assert refused(root, "1.0.0") == "release 1.0.0 is on trial"
        File.rm!(Path.join(path, "releases/#{file}"))
      end
    end

    test "anything, when what is on trial cannot be read", %{path: path} do
      root = three(path)
      File.mkdir_p!(Path.join(path, "releases/.bloom-trial"))
      assert {:error, %Error{code: :trial_unreadable}} = LifecycleManager.remove(root, "1.0.0")
    end

    test "what has code in the code path, whatever RELEASES says", %{path: path} do
      root = three(path)

      for dir <- ["lib/garden-1.0.0/ebin", "releases/1.0.0/consolidated"], ebin = Path.join(path, dir) do
        File.mkdir_p!(ebin)
        Code.append_path(ebin)
        assert refused(root, "1.0.0") == "release 1.0.0 has code that is loaded"
        Code.delete_path(ebin)
      end

      assert {:ok, _report} = LifecycleManager.remove(root, "1.0.0")
    end

    test "the ERTS that runs", %{path: path} do
      erts = to_string(:erlang.system_info(:version))
      root = FakeRoot.make(path, [release("1.2.0", :permanent, erts: "99.0"), release("1.1.0", :old, erts: "99.0")])
      FakeRoot.write(path, "erts-#{erts}/bin/beam.smp", "")
      FakeRoot.write(path, "releases/.bloom-removing", "erts-#{erts}\nlib/#{@kernel}\n")
      assert {:ok, %{directories: []}} = LifecycleManager.cleanup(root, [])
      assert there?(path, "erts-#{erts}/bin/beam.smp")
    end
  end
end
