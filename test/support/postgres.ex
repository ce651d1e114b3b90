defmodule Bloom.Test.Postgres do
  @moduledoc """
  A PostgreSQL server for the tests: one for the suite, started when it is first needed, on a Unix socket only, with its
  data in a directory of its own.

  It ends with the VM, however that ends: a shell waits for the VM to close its standard input, then stops the server and
  removes the directory.
  """

  use GenServer

  @user "postgres"
  # A role in it needs its password; everybody else is trusted.
  @password_role "has_password"

  @guard ~S"""
  cat >/dev/null
  "$@" stop --mode=immediate >/dev/null 2>&1
  rm -rf "$BLOOM_TEST_POSTGRES"
  """

  @settings """
  listen_addresses = ''
  fsync = off
  synchronous_commit = off
  full_page_writes = off
  max_wal_size = 4GB
  # It takes transaction ids, which tests count.
  autovacuum = off
  max_connections = 50
  """

  @doc "Where the server is, started if it was not: `socket_dir`, and the directory of its programs."
  @spec server!() :: %{socket_dir: Path.t(), bin: Path.t()}
  def server! do
    case GenServer.start(__MODULE__, nil, name: __MODULE__) do
      {:ok, pid} -> pid
      {:error, {:already_started, pid}} -> pid
    end
    |> GenServer.call(:server, 120_000)
    |> case do
      {:ok, server} -> server
      {:error, message} -> raise message
    end
  end

  @doc """
  Makes an empty database for a test, dropped after it, and answers the configuration of a repo of it: as the
  superuser, or as its `owner:` (see `role!/1`). `name:` is its name, `with:` is added to how it is made.
  """
  @spec database!(keyword()) :: keyword()
  def database!(opts \\ []) do
    config = config(opts[:name] || "garden_#{System.unique_integer([:positive])}")
    database = quoted(config[:database])
    owner = opts[:owner] || @user
    query!(config(@user), "CREATE DATABASE #{database} OWNER #{owner} #{opts[:with]}")
    ExUnit.Callbacks.on_exit(fn -> drop_all!(config[:database]) end)
    Keyword.put(config, :username, owner)
  end

  @doc "The configuration of a repo of a database, as the superuser."
  @spec config(String.t()) :: keyword()
  def config(database), do: [socket_dir: server!().socket_dir, username: @user, database: database]

  @doc """
  Makes a role for a test, removed after it, and answers its name. With `password:` it needs that to connect; `with:` is
  what else it may (`"CREATEDB"`).
  """
  @spec role!(keyword()) :: String.t()
  def role!(opts \\ []) do
    role = "gardener_#{System.unique_integer([:positive])}"
    password = if opts[:password], do: "PASSWORD '#{opts[:password]}' IN ROLE #{@password_role}", else: ""
    query!(config(@user), "CREATE ROLE #{role} LOGIN #{opts[:with]} #{password}")

    ExUnit.Callbacks.on_exit(fn ->
      query!(config(@user), "REASSIGN OWNED BY #{role} TO #{@user}; DROP OWNED BY #{role}; DROP ROLE #{role}")
    end)

    role
  end

  @doc "Runs SQL and answers the rows, as lists of texts."
  @spec query!(keyword(), String.t()) :: [[String.t()]]
  def query!(config, sql) do
    arguments = ~w(--no-psqlrc -q -A -t -v ON_ERROR_STOP=1) ++ ["-F", "\t", "--command", sql]
    {output, status} = System.cmd(Path.join(server!().bin, "psql"), arguments, env: env(config), stderr_to_stdout: true)
    if status != 0, do: raise("psql ended with status #{status}: #{output}\n#{sql}")
    for line <- String.split(output, "\n", trim: true), do: String.split(line, "\t")
  end

  @doc "Holds a connection open until the test ends, or closes it: answers a port that ends when the server does so."
  @spec connect!(keyword()) :: port()
  def connect!(config) do
    port =
      Port.open({:spawn_executable, Path.join(server!().bin, "psql")}, [
        :binary,
        :exit_status,
        :stderr_to_stdout,
        args: ~w(--no-psqlrc -q -A -t),
        env: for({name, value} <- env(config), do: {to_charlist(name), to_charlist(value)})
      ])

    Port.command(port, "SELECT 'connected';\n")

    receive do
      {^port, {:data, "connected\n"}} -> port
      {^port, other} -> raise "psql did not connect: #{inspect(other)}"
    end
  end

  @doc "The names of all databases."
  @spec databases() :: [String.t()]
  def databases, do: config(@user) |> query!("SELECT datname FROM pg_database") |> List.flatten()

  defp env(config) do
    [
      {"PGHOST", config[:socket_dir]},
      {"PGUSER", config[:username]},
      {"PGDATABASE", config[:database]},
      {"PGPASSWORD", config[:password] || ""},
      {"PGCLIENTENCODING", "UTF8"}
    ]
  end

  @doc "Drops a database with what Bloom kept of it."
  @spec drop_all!(String.t()) :: :ok
  def drop_all!(database) do
    for name <- databases(), name == database or String.starts_with?(name, database <> "_replaced_") do
      query!(config(@user), "DROP DATABASE #{quoted(name)} WITH (FORCE)")
    end

    :ok
  end

  defp quoted(name), do: "\"" <> String.replace(name, "\"", "\"\"") <> "\""

  @impl true
  def init(nil), do: {:ok, nil}

  @impl true
  def handle_call(:server, _from, nil) do
    case bin() do
      nil -> {:reply, {:error, "there is no PostgreSQL server on this machine: run bin/setup, or install one"}, nil}
      bin -> handle_call(:server, nil, start!(bin))
    end
  end

  def handle_call(:server, _from, state), do: {:reply, {:ok, Map.take(state, [:socket_dir, :bin])}, state}

  # The guard only ends after this process; and what it prints is of no interest.
  @impl true
  def handle_info({port, _message}, %{guard: port} = state), do: {:noreply, state}

  defp start!(bin) do
    dir = Path.join("/tmp", "bloom-pg-#{System.pid()}-#{System.os_time(:millisecond)}")
    File.mkdir!(dir)
    data = Path.join(dir, "data")
    as_user = as_user(dir)
    pg_ctl = as_user ++ [Path.join(bin, "pg_ctl"), "--pgdata=#{data}"]

    guard =
      Port.open({:spawn_executable, "/bin/sh"}, [
        :binary,
        args: ["-c", @guard, "sh" | pg_ctl],
        cd: dir,
        env: [{~c"BLOOM_TEST_POSTGRES", to_charlist(dir)}]
      ])

    run!(
      dir,
      as_user ++
        [Path.join(bin, "initdb"), "--pgdata=#{data}", "--username=#{@user}", "--auth=trust"] ++
        ~w(--encoding=UTF8 --locale=C.UTF-8 --no-sync)
    )

    append!(Path.join(data, "postgresql.conf"), @settings <> "unix_socket_directories = '#{dir}'\n")
    hba = Path.join(data, "pg_hba.conf")
    File.write!(hba, "local all +#{@password_role} scram-sha-256\n" <> File.read!(hba))
    run!(dir, pg_ctl ++ ["--wait", "--log=#{Path.join(dir, "log")}", "start"])

    state = %{socket_dir: dir, bin: bin, guard: guard}
    run!(dir, [Path.join(bin, "psql"), "-h", dir, "-U", @user, "-qc", "CREATE ROLE #{@password_role}", "postgres"])
    state
  end

  # The server does not run as root.
  defp as_user(dir) do
    if File.stat!("/proc/self").uid == 0 do
      user = Enum.find(["postgres", "nobody"], &match?({_output, 0}, System.cmd("id", [&1], stderr_to_stdout: true)))
      {group, 0} = System.cmd("id", ["-gn", user])
      run!("/", ["chown", "#{user}:#{String.trim(group)}", dir])
      ["setpriv", "--reuid=#{user}", "--regid=#{String.trim(group)}", "--clear-groups"]
    else
      []
    end
  end

  defp bin do
    path = String.split(System.get_env("PATH", ""), ":", trim: true)
    debian = Enum.reverse(Path.wildcard("/usr/lib/postgresql/*/bin"))
    programs = ~w(initdb pg_ctl postgres psql pg_dump pg_restore)
    Enum.find(path ++ debian, fn dir -> Enum.all?(programs, &File.exists?(Path.join(dir, &1))) end)
  end

  defp append!(file, text), do: File.write!(file, text, [:append])

  # The server inherits what its starter writes to, so that goes to a file.
  defp run!(dir, [program | arguments]) do
    log = Path.join(System.tmp_dir!(), "bloom-pg-start-#{System.pid()}.log")
    script = ~S(exec "$@" >"$BLOOM_TEST_LOG" 2>&1 </dev/null)
    env = [{"BLOOM_TEST_LOG", log}, {"LC_ALL", "C.UTF-8"}]
    {_output, status} = System.cmd("/bin/sh", ["-c", script, "sh", program | arguments], cd: dir, env: env)
    output = File.read!(log)
    File.rm!(log)
    if status != 0, do: raise("#{program} #{Enum.join(arguments, " ")} ended with status #{status}: #{output}")
    :ok
  end
end
