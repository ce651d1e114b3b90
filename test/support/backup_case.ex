defmodule Bloom.Test.BackupCase do
  @moduledoc """
  What every backup backend has to do, proven on a real database.

      use Bloom.Test.BackupCase, on: Bloom.Test.SQLiteDatabase

  The test module gets these tests beside its own, with `database` (see `Bloom.Test.Database`) and `client`, an open
  connection to it, in its context: 100 plants with one unit of water each.
  """

  use ExUnit.CaseTemplate

  alias Bloom.{DatabaseBackup, Error, Native}
  alias Bloom.Metadata.Store

  using opts do
    quote do
      import Bloom.Test.BackupCase
      import ExUnit.CaptureLog

      alias Bloom.{DatabaseBackup, Error, Native}

      @moduletag :tmp_dir
      @moduletag timeout: 120_000
      @on unquote(opts[:on])

      setup %{tmp_dir: tmp_dir} do
        database = @on.start(tmp_dir)
        client = @on.connect(database)
        @on.query(client, "CREATE TABLE plants (#{@on.serial()}, name VARCHAR(200), water INTEGER)")
        names = Enum.map_join(1..100, ", ", &"('plant #{&1}', 1)")
        @on.query(client, "INSERT INTO plants (name, water) VALUES #{names}")
        {:ok, database: database, client: client, repo: database.repo}
      end

      unquote(shared())
    end
  end

  setup %{tmp_dir: tmp_dir} do
    put_option(:app_root, Path.join(tmp_dir, "root"))
    put_option(:min_backup_space_mb, 0)
    File.mkdir_p!(Path.join(tmp_dir, "root"))
    on_exit(&Store.close/0)
    {:ok, backups: Path.join([tmp_dir, "root", "backups"])}
  end

  @doc "Sets an option for this test."
  def put_option(option, value) do
    Application.put_env(:bloom, option, value)
    on_exit(fn -> Application.delete_env(:bloom, option) end)
  end

  @doc "Backs a database up."
  def backup(repo, version \\ "1.1.0") do
    {:ok, info} = DatabaseBackup.create(version, [repo])
    info
  end

  @doc "The file of a backup."
  def file(%{directory: directory, databases: [%{file: file}]}), do: Path.join(directory, file)

  @doc "Writes as an application does, in transactions that leave the sum of all water as it is, until it is told to stop."
  def write_for_ever(module, database, parent) do
    # The client belongs to the process that opened it.
    client = module.connect(database)
    write_next(module, client, parent, 0)
  end

  defp write_next(module, client, parent, written) do
    receive do
      {:stop, ^parent} -> written
    after
      0 ->
        module.query(client, "BEGIN")
        module.query(client, "UPDATE plants SET water = water - 1 WHERE id = 1")
        module.query(client, "INSERT INTO plants (name, water) VALUES ('weed', 0)")
        module.query(client, "UPDATE plants SET water = water + 1 WHERE id = 100")
        module.query(client, "COMMIT")
        send(parent, {:written, written + 1})
        write_next(module, client, parent, written + 1)
    end
  end

  @doc "Every way in which a file can be another one."
  def damages(file) do
    whole = File.read!(file)
    half = div(byte_size(whole), 2)
    <<head::binary-size(half), byte, tail::binary>> = whole

    [
      {"a flipped bit", fn -> File.write!(file, <<head::binary, Bitwise.bxor(byte, 1), tail::binary>>) end},
      {"truncated", fn -> File.write!(file, head) end},
      {"missing", fn -> File.rm!(file) end},
      {"other content", fn -> File.write!(file, whole <> whole) end}
    ]
  end

  defp shared do
    quote do
      describe "a backup" do
        test "of a database in use is consistent", %{database: database, client: client, repo: repo} do
          test = self()
          writer = Task.async(fn -> write_for_ever(@on, database, test) end)
          assert_receive {:written, 3}, 30_000
          assert {:ok, %{verified: :restored}} = DatabaseBackup.create("1.1.0", [repo])
          send(writer.pid, {:stop, test})
          assert Task.await(writer, 30_000) >= 3
          assert {:ok, _restored} = DatabaseBackup.restore("1.1.0", %{}, [repo])

          assert [[count, "100"]] = @on.query_after_restore(client, "SELECT count(*), sum(water) FROM plants")
          assert String.to_integer(count) >= 103
        end

        test "by gzip is one as well", %{client: client, repo: repo} do
          put_option(:database_backup_compression, :gzip)
          info = backup(repo)
          assert <<0x1F, 0x8B, _rest::binary>> = File.read!(file(info))
          @on.query(client, "DELETE FROM plants")
          assert {:ok, _restored} = DatabaseBackup.restore(info, %{}, [repo])
          assert [["100"]] = @on.query_after_restore(client, "SELECT count(*) FROM plants")
        end

        test "is not left where it is cancelled", %{client: client, repo: repo, backups: backups} do
          :ok = @on.block(client)
          {:ok, token} = Native.cancel_token()
          task = Task.async(fn -> DatabaseBackup.create("1.1.0", [repo], %{cancel: token}) end)
          # It cannot have ended, whatever it has come to.
          assert Task.yield(task, 500) == nil
          :ok = Native.cancel(token)
          assert {:error, %Error{code: :cancelled}} = Task.await(task, 30_000)
          assert File.ls!(backups) == []
          assert [["100"]] = @on.query(client, "SELECT count(*) FROM plants")
        end

        test "is not left where the time is up", %{client: client, repo: repo, backups: backups} do
          put_option(:database_backup_timeout_ms, 3_000)
          :ok = @on.block(client)
          assert {:error, %Error{code: :backup_timeout} = error} = DatabaseBackup.create("1.1.0", [repo])
          assert error.message =~ "Garden.Repo"
          assert File.ls!(backups) == []
        end

        test "needs the space that the database takes", %{database: database, repo: repo, backups: backups} do
          {:ok, known} = @on.backend().database("Garden.Repo", repo.config)
          assert {:ok, bytes} = @on.backend().estimate(known)
          assert bytes > 1000
          put_option(:min_backup_space_mb, 1_000_000_000)
          assert {:error, %Error{code: :not_enough_space}} = DatabaseBackup.create("1.1.0", [repo])
          assert File.ls!(backups) == []
        end

        test "that lacks a row is not believed", %{client: client, repo: repo, tmp_dir: tmp_dir} do
          backend = @on.backend()
          {:ok, database} = backend.database("Garden.Repo", repo.config)
          {:ok, whole} = backend.dump(database, Path.join(tmp_dir, "whole"), %{})
          assert :ok = backend.verify(database, Path.join(tmp_dir, "whole"), whole, scratch: true)
          @on.query(client, "DELETE FROM plants WHERE id = 7")
          lacking = Path.join(tmp_dir, "lacking")
          {:ok, dump} = backend.dump(database, lacking, %{})
          # The file is what it says, but not what was there.
          forged = Map.merge(whole, Map.take(dump, [:bytes, :sha256, :contents]))

          assert {:error, %Error{code: :backup_damaged} = error} =
                   backend.verify(database, lacking, forged, scratch: true)

          assert error.message =~ "plants" and error.message =~ "99" and error.message =~ "100"
        end

        test "shows no secret", %{database: database, repo: repo, tmp_dir: tmp_dir} do
          log =
            capture_log(fn ->
              info = backup(repo)
              send(self(), {:said, inspect(info, limit: :infinity, printable_limit: :infinity)})

              for name <- File.ls!(info.directory),
                  do: send(self(), {:said, File.read!(Path.join(info.directory, name))})

              {:ok, restored} = DatabaseBackup.restore(info, %{}, [repo])
              send(self(), {:said, inspect(restored)})
              elsewhere = %{repo | config: Keyword.put(repo.config, :database, Path.join(tmp_dir, "nowhere"))}
              {:error, error} = DatabaseBackup.create("1.2.0", [elsewhere])
              send(self(), {:said, inspect(error)})
            end)

          send(self(), {:said, log})
          {:messages, messages} = Process.info(self(), :messages)
          said = for {:said, text} <- messages, do: text
          assert length(said) >= 5
          for text <- said, secret <- @on.secrets(database), do: refute(text =~ secret)
        end
      end

      describe "a restore" do
        test "brings back rows, tables and sequences, and removes what was added", %{client: client, repo: repo} do
          @on.query(client, "CREATE TABLE tools (#{@on.serial()}, name VARCHAR(200))")
          @on.query(client, "INSERT INTO tools (name) VALUES ('rake'), ('spade')")
          @on.query(client, "DELETE FROM tools WHERE id = 2")
          info = backup(repo)

          @on.query(client, "DROP TABLE tools")
          @on.query(client, "UPDATE plants SET name = 'weed'")
          @on.query(client, "DELETE FROM plants WHERE id > 50")
          @on.query(client, "ALTER TABLE plants ADD COLUMN light INTEGER")
          @on.query(client, "CREATE TABLE sheds (#{@on.serial()})")

          assert {:ok, %{replaced: [%{repo: "Garden.Repo", replaced: kept}]}} =
                   DatabaseBackup.restore(info, %{}, [repo])

          assert is_binary(kept)

          ask = &@on.query_after_restore(client, &1)
          assert [["100", "plant 1", "100"]] = ask.("SELECT count(*), min(name), sum(water) FROM plants")
          assert [["1", "rake"]] = ask.("SELECT id, name FROM tools")
          # Not 2 again: that number was given away before the backup.
          ask.("INSERT INTO tools (name) VALUES ('hoe')")
          assert [["3"]] = ask.("SELECT id FROM tools WHERE name = 'hoe'")
          assert_raise RuntimeError, fn -> ask.("SELECT * FROM sheds") end
          assert_raise RuntimeError, fn -> ask.("SELECT light FROM plants") end
        end

        test "can be done again, and leaves connections that go on", %{database: database, client: client, repo: repo} do
          info = backup(repo)

          for _again <- 1..2 do
            @on.query_after_restore(client, "DELETE FROM plants WHERE id = 1")
            assert {:ok, _restored} = DatabaseBackup.restore(info, %{}, [repo])
            assert [["100"]] = @on.query_after_restore(client, "SELECT count(*) FROM plants")
            @on.query_after_restore(client, "INSERT INTO plants (name, water) VALUES ('moss', 1)")
            assert [["101"]] = @on.query(@on.connect(database), "SELECT count(*) FROM plants")
          end
        end

        test "refuses a file that is not what was written, before anything is touched", %{client: client, repo: repo} do
          info = backup(repo)
          whole = File.read!(file(info))
          @on.query(client, "DELETE FROM plants WHERE id = 1")

          for {what, damage} <- damages(file(info)) do
            damage.()
            assert {:error, %Error{code: :backup_damaged}} = DatabaseBackup.restore(info, %{}, [repo]), what
            assert [["99"]] = @on.query(client, "SELECT count(*) FROM plants"), what
            File.write!(file(info), whole)
          end

          other = backup(repo, "1.2.0")
          File.cp!(file(other), file(info))
          assert {:error, %Error{code: :backup_damaged}} = DatabaseBackup.restore(info, %{}, [repo])
          assert [["99"]] = @on.query(client, "SELECT count(*) FROM plants")
        end

        test "says what it discards", %{client: client, repo: repo} do
          info = backup(repo)
          assert {:ok, [%{repo: "Garden.Repo"} = none]} = DatabaseBackup.discards(info, [repo])
          assert @on.written?(none, 0)
          @on.query(client, "UPDATE plants SET water = 2 WHERE id = 1")
          @on.query(client, "DELETE FROM plants WHERE id = 2")
          @on.query(client, "INSERT INTO plants (name, water) VALUES ('moss', 1)")
          assert {:ok, [discards]} = DatabaseBackup.discards(info, [repo])
          assert @on.written?(discards, 3)
          assert {:ok, %{discarded: [discarded]}} = DatabaseBackup.restore(info, %{}, [repo])
          assert @on.written?(discarded, 3)
        end

        test "that is cancelled leaves the database as it was", %{client: client, repo: repo} do
          info = backup(repo)
          @on.query(client, "DELETE FROM plants WHERE id = 1")
          {:ok, token} = Native.cancel_token()
          :ok = Native.cancel(token)
          assert {:error, %Error{code: :cancelled}} = DatabaseBackup.restore(info, %{cancel: token}, [repo])
          assert [["99"]] = @on.query(client, "SELECT count(*) FROM plants")
        end
      end
    end
  end
end
