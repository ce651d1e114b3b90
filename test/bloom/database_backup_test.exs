defmodule Bloom.DatabaseBackupTest do
  use Bloom.Test.FakeRootCase, async: false

  alias Bloom.{DatabaseBackup, Native}
  alias Bloom.DatabaseBackup.{Directory, Discards, Repos, Retention}
  alias Bloom.Test.FakeBackend

  doctest DatabaseBackup
  doctest Discards
  doctest Retention

  defmodule Repo do
    def __adapter__, do: Bloom.Test.FakeAdapter
    def config, do: Application.fetch_env!(:bloom, __MODULE__)
  end

  defmodule UnsetRepo do
    def __adapter__, do: Bloom.Test.FakeAdapter
    def config, do: raise(KeyError, key: :url, term: [password: "hunter2"])
  end

  setup %{tmp_dir: tmp_dir} do
    put_option(:database_backup_backend, FakeBackend)
    put_option(:min_backup_space_mb, 0)
    file = Path.join(tmp_dir, "garden.db")
    File.write!(file, "rose\ntulip\n")
    {:ok, live: file, repo: FakeBackend.repo("Garden.Repo", file), backups: Path.join(tmp_dir, "backups")}
  end

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
      put_option(:database_backup_timeout_ms, 50)
      hang = fn watch -> await_cancel(file, watch) end
      assert {:error, error} = DatabaseBackup.create("1.1.0", [FakeBackend.repo("Garden.Repo", file, dump: hang)])
      assert %Error{code: :backup_timeout, message: message, suggestions: [suggestion]} = error
      assert message =~ "longer than 50 ms and was stopped while it dumps Garden.Repo"
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
          assert %Error{code: :backup_bug, message: "it failed with KeyError in " <> _place} = error
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

    put_option(:database_backup_restore_check_max_mb, 0)
    {:ok, %{verified: :contents}} = DatabaseBackup.create("1.1.0", [FakeBackend.repo("Garden.Repo", file)])
  end

  describe "a restore" do
    test "touches nothing when one file is damaged", %{repo: repo, live: file, tmp_dir: tmp_dir} do
      other = Path.join(tmp_dir, "shed.db")
      File.write!(other, "rake\n")
      repos = [repo, FakeBackend.repo("Shed.Repo", other)]
      {:ok, info} = DatabaseBackup.create("1.1.0", repos)
      File.write!(Path.join(info.directory, List.last(info.databases).file), "rust\n")
      File.write!(file, "weed\n")
      assert {:error, %Error{code: :backup_damaged}} = DatabaseBackup.restore("1.1.0", %{}, repos)
      assert File.read!(file) == "weed\n"
    end

    test "says which database is at which state when a later one fails", %{repo: repo, live: file, tmp_dir: tmp_dir} do
      other = Path.join(tmp_dir, "shed.db")
      File.write!(other, "rake\n")
      fail = fn _watch -> {:error, Error.new(:database_gone, "the server is gone", suggestions: ["start it"])} end
      repos = [repo, FakeBackend.repo("Shed.Repo", other, restore: fail), FakeBackend.repo("Pond.Repo", other)]
      {:ok, %{id: id}} = DatabaseBackup.create("1.1.0", repos)
      File.write!(file, "weed\n")
      assert {:error, %Error{code: :restore_incomplete} = error} = DatabaseBackup.restore("1.1.0", %{}, repos)

      assert error.message ==
               "Shed.Repo could not be restored (the server is gone). Now Garden.Repo: as in backup #{id}; " <>
                 "Shed.Repo, Pond.Repo: as before the restore"

      assert %{restored: [%{repo: "Garden.Repo"}], untouched: ["Shed.Repo", "Pond.Repo"]} = error.details
      assert File.read!(file) == "rose\ntulip\n"
    end

    test "goes on where nobody can tell what it discards", %{repo: repo, live: file} do
      {:ok, _info} = DatabaseBackup.create("1.1.0", [repo])
      fail = fn _dump -> {:error, Error.new(:database_damaged, "the database is malformed")} end
      broken = FakeBackend.repo("Garden.Repo", file, written_since: fail)
      assert {:error, %Error{code: :database_damaged}} = DatabaseBackup.discards("1.1.0", [broken])
      assert {:ok, %{discarded: [%{count: :unknown}]}} = DatabaseBackup.restore("1.1.0", %{}, [broken])
    end

    test "needs a repo of that name", %{repo: repo, live: file} do
      {:ok, _info} = DatabaseBackup.create("1.1.0", [repo])
      other = FakeBackend.repo("Other.Repo", file)
      assert {:error, %Error{code: :no_such_repo, message: message}} = DatabaseBackup.restore("1.1.0", %{}, [other])
      assert message =~ "Garden.Repo"
    end

    test "needs a backup whose manifest can be read, and says why it cannot", %{repo: repo} do
      {:ok, info} = DatabaseBackup.create("1.1.0", [repo])
      manifest = Path.join(info.directory, "manifest")
      <<head::binary-size(100), byte, tail::binary>> = File.read!(manifest)
      File.write!(manifest, <<head::binary, Bitwise.bxor(byte, 1), tail::binary>>)
      assert {:error, %Error{code: :no_backup, message: message}} = DatabaseBackup.restore("1.1.0", %{}, [repo])
      assert message =~ "there is no backup of 1.1.0; the backup in #{info.directory} has no manifest"
      assert message =~ "it is damaged"
      log = capture_log(fn -> assert DatabaseBackup.list_backups() == [] end)
      assert log =~ info.directory
    end
  end

  describe "what is kept" do
    test "is the newest of all versions, and the journal promises no other", %{repo: repo} do
      put_option(:database_backup_retention_count, 2)
      for version <- ["1.0.0", "1.1.0", "1.2.0"], do: {:ok, _info} = DatabaseBackup.create(version, [repo])
      assert ["1.2.0", "1.1.0"] = Enum.map(DatabaseBackup.list_backups(), & &1.version)
      assert {:error, message} = Metadata.get_backup_info("1.0.0")
      assert message =~ "any more"
    end

    test "does not include what an interrupted backup left", %{repo: repo, backups: backups} do
      {:ok, host} = :inet.gethostname()
      {:ok, _info} = DatabaseBackup.create("1.0.0", [repo])
      id = Directory.id("1.1.0", DateTime.utc_now())
      # No process has a number that large.
      gone = [".making-#{id}@#{host}@999999999", ".making-#{id}@#{host}@#{System.pid()}", ".removing-#{id}"]
      elsewhere = ".making-#{id}@elsewhere@1"
      for name <- [elsewhere | gone], do: File.mkdir!(Path.join(backups, name))
      {:ok, _info} = DatabaseBackup.create("1.1.0", [repo])
      assert [^elsewhere, "1.0.0-" <> _, "1.1.0-" <> _] = Enum.sort(File.ls!(backups))
    end

    test "does not include what was deleted, by id or by version", %{repo: repo} do
      for version <- ["1.0.0", "1.1.0", "1.1.0"], do: {:ok, _info} = DatabaseBackup.create(version, [repo])
      [_newest, %{id: id} | _older] = DatabaseBackup.list_backups()
      assert :ok = DatabaseBackup.delete_backup(id)
      assert [%{version: "1.1.0"}, %{version: "1.0.0"}] = DatabaseBackup.list_backups()
      assert :ok = DatabaseBackup.delete_backup("1.1.0")
      assert {:error, message} = DatabaseBackup.delete_backup("1.1.0")
      assert message =~ "there is no backup of 1.1.0"
      assert [%{version: "1.0.0"}] = DatabaseBackup.list_backups()
    end
  end

  describe "the running node's repos" do
    setup %{live: file} do
      put_option(:ecto_repos, [Repo])
      put_option(Repo, database: file, password: "hunter2", hooks: [])
    end

    test "are found and backed up by the functions of the README", %{live: file} do
      assert {:ok, [%{app: "bloom", adapter: "Bloom.Test.FakeAdapter"}]} = Repos.running()
      assert {:ok, %{version: "1.1.0"}} = DatabaseBackup.create_backup("1.1.0")
      File.write!(file, "weed\n")
      assert :ok = DatabaseBackup.restore_backup("1.1.0")
      assert File.read!(file) == "rose\ntulip\n"
      assert {:error, message} = DatabaseBackup.restore_backup("1.2.0")
      assert message =~ "there is no backup of 1.2.0: see Bloom.DatabaseBackup.list_backups/0"
    end

    test "need a backend for their adapter" do
      Application.delete_env(:bloom, :database_backup_backend)
      assert {:error, message} = DatabaseBackup.create_backup("1.1.0")
      assert message =~ "Bloom.Test.FakeAdapter, and Bloom has no backup backend for that"
      put_option(:database_backup_backend, String)
      assert {:error, message} = DatabaseBackup.create_backup("1.1.0")
      assert message =~ "String is no backup backend"
    end

    test "that do not tell their configuration are named, without their secrets" do
      put_option(:ecto_repos, [UnsetRepo])
      assert {:error, message} = DatabaseBackup.create_backup("1.1.0")
      assert message =~ "UnsetRepo of bloom does not tell its configuration: it raised KeyError"
      refute message =~ "hunter2"
    end

    test "may be none" do
      put_option(:ecto_repos, [])
      assert {:error, "there is no database to back up" <> _rest} = DatabaseBackup.create_backup("1.1.0")
    end
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
