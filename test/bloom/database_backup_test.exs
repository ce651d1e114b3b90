defmodule Bloom.DatabaseBackupTest do
  use Bloom.Test.FakeBackend, async: false

  doctest Bloom.DatabaseBackup

  describe "a backup" do
    test "is restored, which throws away what was written since and says so", %{repo: repo, live: file} do
      assert {:ok, %{version: "1.1.0", verified: :restored} = info} = DatabaseBackup.create("1.1.0", [repo])
      assert [%{repo: "Garden.Repo", backend: FakeBackend, name: "garden.db", dump: %{bytes: 11}}] = info.databases
      File.write!(file, "rose\nweed\nmoss\n")
      discarded = [%{repo: "Garden.Repo", count: 2, unit: :rows}]
      assert {:ok, ^discarded} = DatabaseBackup.discards("1.1.0", [repo])

      log =
        capture_log(fn ->
          assert {:ok, %{discarded: ^discarded, replaced: [%{repo: "Garden.Repo", replaced: kept}]}} =
                   DatabaseBackup.restore(info, %{}, [repo])

          assert File.read!(kept) == "rose\nweed\nmoss\n"
        end)

      assert log =~ "discards 2 rows of Garden.Repo"
      assert File.read!(file) == "rose\ntulip\n"
    end

    test "is in the journal and in the list, the newest first", %{repo: repo} do
      {:ok, first} = DatabaseBackup.create("1.1.0", [repo])
      {:ok, second} = DatabaseBackup.create("1.1.0", [repo])
      assert {:ok, ^second} = Metadata.get_backup_info("1.1.0")
      assert DatabaseBackup.list_backups() == [second, first]
    end

    test "is for nobody else to read, and holds no secret", %{repo: repo, backups: backups} do
      {:ok, info} = DatabaseBackup.create("1.1.0", [repo])
      for dir <- [backups, info.directory], do: assert(mode(dir) == 0o700)

      for name <- File.ls!(info.directory), file = Path.join(info.directory, name) do
        assert mode(file) == 0o600
        refute File.read!(file) =~ "hunter2"
      end

      refute inspect(info, limit: :infinity) =~ "hunter2"
    end

    test "of two databases is one", %{repo: repo, tmp_dir: tmp_dir} do
      other = Path.join(tmp_dir, "shed.db")
      File.write!(other, "rake\n")
      repos = [repo, FakeBackend.repo("Shed.Repo", other)]
      {:ok, %{bytes: 16, databases: [_garden, _shed]}} = DatabaseBackup.create("1.1.0", repos)
      for %{config: config} <- repos, do: File.write!(config[:database], "")
      assert {:ok, %{discarded: [_nothing, _more]}} = DatabaseBackup.restore("1.1.0", %{}, repos)
      assert File.read!(other) == "rake\n"
    end
  end

  describe "no backup is left" do
    test "where one of its databases does not pass", %{repo: repo, live: file, backups: backups} do
      bad = fn _opts -> {:error, Error.new(:backup_damaged, "row missing")} end
      repos = [repo, FakeBackend.repo("Shed.Repo", file, verify: bad)]
      assert {:error, %Error{code: :backup_damaged}} = DatabaseBackup.create("1.1.0", repos)
      assert File.ls!(backups) == []
      assert {:error, "There is no backup of version 1.1.0"} = Metadata.get_backup_info("1.1.0")
    end

    test "where the time is up", %{live: file, backups: backups} do
      put_option(:database_backup_timeout_ms, 1_000)
      hang = fn watch -> await_cancel(file, watch) end
      assert {:error, error} = DatabaseBackup.create("1.1.0", [FakeBackend.repo("Garden.Repo", file, dump: hang)])
      assert %Error{code: :backup_timeout, message: message, suggestions: [suggestion]} = error
      assert message =~ "longer than 1000 ms and was stopped while it dumps Garden.Repo"
      assert suggestion =~ "database_backup_timeout_ms"
      assert File.ls!(backups) == []
    end

    test "where the time is up and the backend does not listen", %{live: file, backups: backups} do
      put_option(:database_backup_timeout_ms, 50)
      test = self()

      deaf = fn _watch ->
        send(test, {:dumping, self()})
        receive do: (:never -> :go_on)
      end

      repo = FakeBackend.repo("Garden.Repo", file, dump: deaf)
      assert {:error, %Error{code: :backup_timeout}} = DatabaseBackup.create("1.1.0", [repo])
      assert_received {:dumping, worker}
      refute Process.alive?(worker)
      assert File.ls!(backups) == []
    end

    test "where it is cancelled", %{live: file, backups: backups} do
      {:ok, token} = Native.cancel_token()
      test = self()

      hang = fn watch ->
        send(test, :dumping)
        await_cancel(file, watch)
      end

      repo = FakeBackend.repo("Garden.Repo", file, dump: hang)
      task = Task.async(fn -> DatabaseBackup.create("1.1.0", [repo], %{cancel: token}) end)
      assert_receive :dumping, 5_000
      :ok = Native.cancel(token)
      assert {:error, %Error{code: :cancelled}} = Task.await(task, 30_000)
      assert File.ls!(backups) == []
    end

    test "where the backend fails with a bug, whose words may hold secrets", %{live: file, backups: backups} do
      bug = fn _watch -> Map.fetch!(%{password: "hunter2"}, :port) end

      log =
        capture_log(fn ->
          assert {:error, error} = DatabaseBackup.create("1.1.0", [FakeBackend.repo("Garden.Repo", file, dump: bug)])
          assert %Error{code: :backup_bug, message: "it failed with KeyError, in " <> _place} = error
        end)

      refute log =~ "hunter2"
      assert File.ls!(backups) == []
    end

    test "where there is not enough space", %{repo: repo, backups: backups} do
      put_option(:min_backup_space_mb, 1_000_000_000)
      assert {:error, %Error{code: :not_enough_space, message: message}} = DatabaseBackup.create("1.1.0", [repo])
      assert message =~ "Required: 1000000000MB, Available: "
      assert File.ls!(backups) == []
    end

    test "where the database is larger than the space", %{live: file} do
      huge = fn _database -> {:ok, 1_000_000_000 * 1_048_576} end
      repo = FakeBackend.repo("Garden.Repo", file, estimate: huge)
      assert {:error, %Error{code: :not_enough_space}} = DatabaseBackup.create("1.1.0", [repo])
    end
  end

  test "progress goes to who asks for it", %{live: file} do
    ref = make_ref()

    told = fn %{progress: {pid, own}} ->
      send(pid, {:bloom_progress, own, 1, 2})
      :go_on
    end

    repo = FakeBackend.repo("Garden.Repo", file, dump: told)
    {:ok, _info} = DatabaseBackup.create("1.1.0", [repo], %{progress: {self(), ref}})
    assert_received {:bloom_progress, ^ref, 1, 2}
  end

  test "a database that is being backed up is refused by name, for a backup and a restore", %{repo: repo, live: file} do
    {:ok, _info} = DatabaseBackup.create("1.0.0", [repo])
    test = self()

    wait = fn _watch ->
      send(test, {:dumping, self()})
      receive do: (:go_on -> :go_on)
    end

    slow = FakeBackend.repo("Garden.Repo", file, dump: wait)
    task = Task.async(fn -> DatabaseBackup.create("1.1.0", [slow]) end)
    assert_receive {:dumping, worker}, 5_000
    assert {:error, %Error{code: :backup_busy, message: message}} = DatabaseBackup.create("1.1.0", [repo])
    assert message =~ "Garden.Repo"
    assert {:error, %Error{code: :backup_busy}} = DatabaseBackup.restore("1.0.0", %{}, [repo])
    send(worker, :go_on)
    assert {:ok, _info} = Task.await(task, 30_000)
  end

  test "small databases are restored for proof, others are not", %{live: file} do
    test = self()

    verify = fn opts ->
      send(test, {:scratch, opts[:scratch]})
      :go_on
    end

    large = fn _database -> {:ok, 257 * 1_048_576} end
    small = fn _database -> {:ok, 256 * 1_048_576} end

    for {estimate, scratch, verified} <- [{large, false, :contents}, {small, true, :restored}] do
      repo = FakeBackend.repo("Garden.Repo", file, verify: verify, estimate: estimate)
      assert {:ok, %{verified: ^verified}} = DatabaseBackup.create("1.1.0", [repo])
      assert_received {:scratch, ^scratch}
    end

    refuse = fn opts -> if opts[:scratch], do: {:error, Error.new(:not_permitted, "no CREATEDB")}, else: :go_on end

    {:ok, %{verified: :contents}} =
      DatabaseBackup.create("1.1.0", [FakeBackend.repo("Garden.Repo", file, verify: refuse)])

    put_option(:database_backup_restore_check_max_mb, 0)
    {:ok, %{verified: :contents}} = DatabaseBackup.create("1.1.0", [FakeBackend.repo("Garden.Repo", file)])
  end

  test "a version that is no name of a directory is refused", %{repo: repo} do
    for version <- ["../1.0.0", "", "1.0.0\n", ".1"],
        do: assert({:error, %Error{code: :bad_version}} = DatabaseBackup.create(version, [repo]))
  end

  test "there has to be a place for backups", %{repo: repo} do
    Application.delete_env(:bloom, :app_root)
    assert {:error, %Error{code: :no_backup_directory}} = DatabaseBackup.create("1.1.0", [repo])
  end

  test "a place that cannot be written is named", %{repo: repo, tmp_dir: tmp_dir} do
    blocked = Path.join(tmp_dir, "file")
    File.write!(blocked, "")
    put_option(:database_backup_directory, Path.join(blocked, "backups"))
    assert {:error, %Error{code: :backup_directory, message: message}} = DatabaseBackup.create("1.1.0", [repo])
    assert message =~ blocked
  end

  # As a backend's native call ends when its token is cancelled.
  defp await_cancel(file, %{cancel: token} = watch) do
    archive = file <> ".gz"
    File.write!(archive, :zlib.gzip(<<0::size(8_192)>>))

    case Native.archive_verify(archive, %{cancel: token}) do
      {:error, %Error{code: :cancelled} = error} -> {:error, error}
      {:error, _no_release} -> receive(after: (5 -> await_cancel(file, watch)))
    end
  end

  defp mode(path), do: Bitwise.band(File.stat!(path).mode, 0o777)
end
