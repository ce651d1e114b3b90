defmodule Bloom.DatabaseBackup.ReposTest do
  use Bloom.Test.FakeBackend, async: false

  alias Bloom.DatabaseBackup.Repos

  defmodule Repo do
    def __adapter__, do: Bloom.Test.FakeAdapter
    def config, do: Application.fetch_env!(:bloom, __MODULE__)
  end

  defmodule UnsetRepo do
    def __adapter__, do: Bloom.Test.FakeAdapter
    def config, do: raise(KeyError, key: :url, term: [password: "hunter2"])
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
end
