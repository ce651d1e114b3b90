defmodule Bloom.Test.FakeBackend do
  @moduledoc """
  A backup backend whose databases are text files, a row a line: for what real databases do not do on demand; and the case
  of tests on it, with such a database as `live` and its `repo`.

  A repo's configuration may have functions under `:hooks`, by callback (`dump: fn watch -> … end`), called first; what
  they answer is the callback's answer, unless it is `:go_on`.
  """

  use ExUnit.CaseTemplate

  alias Bloom.Error
  alias Bloom.Test.FakeRootCase

  @behaviour Bloom.DatabaseBackup.Backend

  using do
    quote do
      use Bloom.Test.FakeRootCase

      alias Bloom.{DatabaseBackup, Native}
      alias Bloom.Test.FakeBackend
    end
  end

  setup %{tmp_dir: tmp_dir} do
    FakeRootCase.put_option(:database_backup_backend, __MODULE__)
    FakeRootCase.put_option(:min_backup_space_mb, 0)
    file = Path.join(tmp_dir, "garden.db")
    File.write!(file, "rose\ntulip\n")
    {:ok, live: file, repo: repo("Garden.Repo", file), backups: Path.join(tmp_dir, "backups")}
  end

  @doc "A repo as `Bloom.DatabaseBackup.create/3` takes it, with its database in `path`."
  def repo(name, path, hooks \\ []) do
    config = [database: path, password: "hunter2", hooks: hooks]
    %{repo: name, app: "garden", adapter: "Bloom.Test.FakeAdapter", config: config}
  end

  @impl true
  def database(repo, config), do: {:ok, %{repo: repo, name: Path.basename(config[:database]), connection: config}}

  @impl true
  def estimate(database) do
    hooked(database, :estimate, database, fn -> {:ok, File.stat!(path(database)).size} end)
  end

  @impl true
  def dump(database, file, watch) do
    hooked(database, :dump, watch, fn ->
      File.cp!(path(database), file)
      {:ok, %{bytes: File.stat!(file).size, sha256: digest(file)}}
    end)
  end

  @impl true
  def verify(database, file, dump, opts) do
    hooked(database, :verify, opts, fn ->
      if File.exists?(file) and digest(file) == dump.sha256,
        do: :ok,
        else: {:error, Error.new(:backup_damaged, "#{file} is damaged", suggestions: ["restore another backup"])}
    end)
  end

  @impl true
  def written_since(database, file, dump) do
    hooked(database, :written_since, dump, fn ->
      {:ok, %{count: length(rows(path(database)) -- rows(file)), unit: :rows}}
    end)
  end

  @impl true
  def restore(database, file, _dump, watch) do
    hooked(database, :restore, watch, fn ->
      replaced = path(database) <> ".replaced"
      File.cp!(path(database), replaced)
      File.cp!(file, path(database))
      {:ok, %{replaced: replaced}}
    end)
  end

  defp hooked(database, name, argument, otherwise) do
    hook = Keyword.get(database.connection[:hooks], name, fn _argument -> :go_on end)
    with :go_on <- hook.(argument), do: otherwise.()
  end

  defp path(database), do: database.connection[:database]
  defp rows(path), do: path |> File.read!() |> String.split("\n", trim: true)
  defp digest(file), do: :sha256 |> :crypto.hash(File.read!(file)) |> Base.encode16(case: :lower)
end
