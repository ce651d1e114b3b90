defmodule Bloom.LifecycleManager.CleanupTest do
  # Cleaning up, also after a removal that was interrupted, and the look at the disk.
  use Bloom.Test.FakeRootCase

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
      assert capture_log(fn -> assert :ok = LifecycleManager.auto_cleanup(nowhere) end) =~ "Bloom: the cleanup failed"
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
end
