defmodule Bloom.LifecycleManagerTest do
  use ExUnit.Case

  import ExUnit.CaptureLog

  alias Bloom.{Error, LifecycleManager, Metadata, Root}
  alias Bloom.Metadata.Store
  alias Bloom.Test.{FakeRoot, Node}

  @moduletag :tmp_dir

  @kernel "kernel-8.5"

  setup %{tmp_dir: tmp_dir} do
    # A history of this test's own.
    Application.put_env(:bloom, :app_root, tmp_dir)

    on_exit(fn ->
      Application.delete_env(:bloom, :app_root)
      Store.close()
    end)

    {:ok, path: Path.join(tmp_dir, "root")}
  end

  defp put_option(option, value) do
    Application.put_env(:bloom, option, value)
    on_exit(fn -> Application.delete_env(:bloom, option) end)
  end

  defp release(version, status, opts \\ []), do: {version, [@kernel, "garden-#{version}"], status, opts}

  # 1.2.0 runs; the registration before it is what a rollback goes back to.
  defp three(path), do: FakeRoot.make(path, for({v, s} <- statuses(), do: release(v, s)))
  defp statuses, do: [{"1.2.0", :permanent}, {"1.1.0", :old}, {"1.0.0", :old}]

  defp many(path, count) do
    FakeRoot.make(path, [
      release("1.#{count}.0", :permanent) | for(n <- (count - 1)..1//-1, do: release("1.#{n}.0", :old))
    ])
  end

  defp there?(path, name), do: File.exists?(Path.join(path, name))

  defp refused(root, version) do
    before = Node.tree(root.path)
    assert {:error, %Error{code: :release_needed, message: message}} = LifecycleManager.remove(root, version)
    assert Node.tree(root.path) == before
    message
  end

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
      assert {:error, %Error{code: :no_such_release}} = LifecycleManager.remove(three(path), "4.0.0")
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
      Store.close()
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

  describe "cleanup" do
    test "keeps the latest and what is needed, and says why", %{path: path} do
      root = many(path, 7)
      put_option(:release_retention_count, 2)
      history([{"1.7.0", "1.3.0"}])
      before = Node.tree(path)

      assert {:ok, would} = LifecycleManager.cleanup(root, dry_run: true)
      assert Node.tree(path) == before

      assert capture_log(fn ->
               assert {:ok, report} = LifecycleManager.cleanup(root, [])
               assert report == %{would | dry_run: false}
               assert report.removed == ["1.5.0", "1.4.0", "1.2.0", "1.1.0"]

               assert report.kept == [
                        %{version: "1.7.0", why: "runs"},
                        %{version: "1.6.0", why: "is one of the 2 latest"},
                        %{version: "1.3.0", why: "is what a rollback goes back to"}
                      ]
             end) =~ "Bloom removed releases 1.5.0, 1.4.0, 1.2.0, 1.1.0: 8 directories and 0 archives"

      assert FakeRoot.listed(path) == ["1.7.0", "1.6.0", "1.3.0"]
      assert File.ls!(Path.join(path, "lib")) |> Enum.sort() == ~w(garden-1.3.0 garden-1.6.0 garden-1.7.0 kernel-8.5)
      assert {:ok, %{removed: [], directories: [], freed_bytes: 0}} = LifecycleManager.cleanup(root, [])
    end

    test "keeps five by default", %{path: path} do
      assert {:ok, %{removed: ["1.1.0"]}} = LifecycleManager.cleanup(many(path, 6), [])
    end

    test "leaves a release that somebody has put there, with its libraries", %{path: path} do
      by_hand = {"0.9.0", ["garden-0.9.0+d.0123456789ab"], nil, []}
      root = FakeRoot.make(path, [release("1.2.0", :permanent), by_hand])
      assert {:ok, %{removed: [], directories: [], kept: kept}} = LifecycleManager.cleanup(root, [])
      assert %{version: "0.9.0", why: "is not registered"} in kept
    end

    test "takes libraries that nobody needs only where Bloom's build step named them", %{path: path} do
      root = three(path)
      for lib <- ~w(garden-0.9.0+d.0123456789ab bees-0.1.0+linux.d.0123456789ab), do: FakeRoot.library(path, lib)
      for lib <- ~w(kernel-7.0 mine tool-1.0+d.short), do: FakeRoot.library(path, lib)
      File.ln_s!("/", Path.join(path, "lib/linked-1.0+d.0123456789ab"))
      File.mkdir_p!(Path.join(path, "erts-1.0"))

      assert {:ok, %{directories: ["lib/garden-1.0.0", "releases/1.0.0"]}} = LifecycleManager.remove(root, "1.0.0")
      assert {:ok, %{directories: directories}} = LifecycleManager.cleanup(root, [])
      assert directories == ["lib/bees-0.1.0+linux.d.0123456789ab", "lib/garden-0.9.0+d.0123456789ab"]
      for name <- ~w(lib/kernel-7.0 lib/mine lib/tool-1.0+d.short erts-1.0), do: assert(there?(path, name), name)
      assert {:ok, _target} = File.read_link(Path.join(path, "lib/linked-1.0+d.0123456789ab"))
    end
  end

  describe "an interrupted removal" do
    # What it is about is written first, then RELEASES, then each directory goes, the release's own first.
    defp interrupted(path, gone) do
      root = three(path)
      FakeRoot.write(path, "releases/.bloom-removing", "lib/garden-1.0.0\nreleases/1.0.0\n")
      if gone != [], do: FakeRoot.put_releases(path, for({v, s} <- Enum.take(statuses(), 2), do: entry(v, s)))
      for dir <- gone, do: File.rm_rf!(Path.join(path, dir))
      root
    end

    defp entry(version, status), do: FakeRoot.entry(version, [@kernel, "garden-#{version}"], status)

    test "that has not unregistered anything has not happened", %{path: path} do
      root = interrupted(path, [])
      assert {:ok, %{removed: [], directories: []}} = LifecycleManager.cleanup(root, [])
      assert there?(path, "lib/garden-1.0.0") and there?(path, "releases/1.0.0")
      refute there?(path, "releases/.bloom-removing")
    end

    test "is finished by the next cleanup or removal", %{path: path} do
      for {gone, next} <- [
            {["nothing yet"], &LifecycleManager.cleanup(&1, [])},
            {["nothing yet"], &LifecycleManager.remove(&1, "1.0.0")},
            {["releases/1.0.0"], &LifecycleManager.cleanup(&1, [])},
            {["releases/1.0.0"], &LifecycleManager.remove(&1, "1.0.0")}
          ] do
        root = interrupted(path, gone)
        assert {:ok, %{directories: ["lib/garden-1.0.0" | _release]}} = next.(root)
        refute there?(path, "lib/garden-1.0.0") or there?(path, "releases/1.0.0")
        refute there?(path, "releases/.bloom-removing")
        assert {:ok, %{directories: []}} = LifecycleManager.cleanup(root, [])
      end
    end

    test "takes nothing that is needed again", %{path: path} do
      root = interrupted(path, ["releases/1.0.0"])
      again = {"1.0.1", [@kernel, "garden-1.0.0"], nil, []}
      FakeRoot.make(path, [release("1.2.0", :permanent), release("1.1.0", :old), again])
      assert {:ok, %{directories: []}} = LifecycleManager.cleanup(root, [])
      assert there?(path, "lib/garden-1.0.0")
    end

    test "that failed half-way has left a note of what is left", %{path: path} do
      root = three(path)
      FakeRoot.write(path, "releases/.staging-removed", "in the way")
      assert {:error, %Error{message: message}} = LifecycleManager.remove(root, "1.0.0")
      assert message =~ ".staging-removed"
      assert there?(path, "lib/garden-1.0.0") and there?(path, "releases/1.0.0")
      assert FakeRoot.listed(path) == ["1.2.0", "1.1.0"]

      File.rm!(Path.join(path, "releases/.staging-removed"))
      assert {:ok, %{directories: ["lib/garden-1.0.0", "releases/1.0.0"]}} = LifecycleManager.cleanup(root, [])
      refute there?(path, "lib/garden-1.0.0") or there?(path, "releases/1.0.0")
    end

    test "whose note cannot be written removes nothing", %{path: path} do
      root = three(path)
      before = Node.tree(path)
      # Not even the superuser renames a file over a directory.
      File.mkdir_p!(Path.join(path, "releases/.bloom-removing/x"))
      assert {:error, %Error{code: :leftovers_unreadable}} = LifecycleManager.remove(root, "1.0.0")
      assert Node.tree(path) == before
    end
  end

  describe "the cleanup of a deployment" do
    test "removes, unless it is switched off", %{path: path} do
      root = many(path, 7)
      put_option(:auto_cleanup_enabled, false)
      assert :ok = LifecycleManager.auto_cleanup(root)
      assert length(FakeRoot.listed(path)) == 7
      put_option(:auto_cleanup_enabled, true)
      assert capture_log(fn -> assert :ok = LifecycleManager.auto_cleanup(root) end) =~ "removed releases 1.2.0, 1.1.0"
      assert length(FakeRoot.listed(path)) == 5
    end

    test "never fails, and says what went wrong", %{path: path} do
      root = many(path, 7)
      File.write!(Path.join(path, "releases/RELEASES"), "damaged")
      assert capture_log(fn -> assert :ok = LifecycleManager.auto_cleanup(root) end) =~ "RELEASES cannot be read"
      nowhere = %{root | path: nil}
      assert capture_log(fn -> assert :ok = LifecycleManager.auto_cleanup(nowhere) end) =~ "Bloom could not clean up"
    end
  end

  describe "disk_usage" do
    test "tells how full the disk is, and warns from the threshold on", %{tmp_dir: tmp_dir} do
      put_option(:disk_space_warning_threshold, 0.001)
      warned = capture_log(fn -> assert {:ok, %{above_threshold: true}} = LifecycleManager.disk_usage(tmp_dir) end)
      assert warned =~ "the disk of #{tmp_dir} is"

      put_option(:disk_space_warning_threshold, 100)
      assert {:ok, usage} = LifecycleManager.disk_usage(tmp_dir)
      assert usage.free_bytes <= usage.total_bytes and usage.used_percent >= 0.0
      assert_in_delta usage.used_percent, 100 - usage.free_bytes * 100 / usage.total_bytes, 0.1
      refute capture_log(fn -> LifecycleManager.disk_usage(tmp_dir) end) =~ "the disk of"
    end

    test "of what is not there is an error" do
      assert {:error, "cannot ask the file system of /no/such/directory" <> _why} =
               LifecycleManager.disk_usage("/no/such/directory")
    end
  end

  defp begin(deployment) do
    {:ok, id} = Metadata.start_deployment(deployment)
    id
  end

  defp history(switches) do
    for {version, from} <- switches do
      :ok =
        %{operation: :switch, version: version, from_version: from}
        |> begin()
        |> Metadata.finish_deployment(:committed)
    end
  end
end
