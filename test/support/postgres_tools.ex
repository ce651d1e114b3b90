defmodule Bloom.Test.PostgresTools do
  @moduledoc """
  PostgreSQL's programs in a directory of a test, one of them held until the test lets it go on.

  Bloom takes them from there while the test runs, so such tests run alone.
  """

  alias Bloom.Test.Postgres

  @programs ~w(psql pg_dump pg_restore)
  @timeout_ms 30_000

  # It reports, and then waits to be let go; asked for its version or a table of contents it answers at once.
  @held ~S"""
  #!/bin/sh
  case "$*" in *--version* | *--list*) exec "$PROGRAM" "$@" ;; esac
  echo started >"$DIR/started"
  read -r _line <"$DIR/go"
  exec "$PROGRAM" "$@"
  """

  @doc "Makes the directory, with a script in the place of one program, and sets `database_tools_directory` to it."
  @spec replace!(Path.t(), String.t(), String.t()) :: Path.t()
  def replace!(dir, program, script) do
    tools = Path.join(dir, "tools")
    File.mkdir_p!(tools)
    bin = Postgres.server!().bin
    for name <- @programs, name != program, do: File.ln_s!(Path.join(bin, name), Path.join(tools, name))

    script = script |> String.replace("$PROGRAM", Path.join(bin, program)) |> String.replace("$DIR", tools)
    File.write!(Path.join(tools, program), script)
    File.chmod!(Path.join(tools, program), 0o755)
    use!(tools)
    tools
  end

  @doc "Sets `database_tools_directory` for the rest of the test."
  @spec use!(Path.t()) :: :ok
  def use!(tools) do
    Application.put_env(:bloom, :database_tools_directory, tools)
    ExUnit.Callbacks.on_exit(fn -> Application.delete_env(:bloom, :database_tools_directory) end)
  end

  @doc "As `replace!/3`, the program being held: answers what `await/1` and `go/1` take."
  @spec hold!(Path.t(), String.t()) :: Path.t()
  def hold!(dir, program) do
    tools = replace!(dir, program, @held)
    for name <- ~w(started go), do: {_output, 0} = System.cmd("mkfifo", [Path.join(tools, name)])
    tools
  end

  @doc "Waits until the program is there."
  @spec await(Path.t()) :: :ok
  def await(tools) do
    port = Port.open({:spawn_executable, "/bin/cat"}, [:binary, :exit_status, args: [Path.join(tools, "started")]])

    receive do
      {^port, {:exit_status, 0}} -> :ok
    after
      @timeout_ms -> raise "no program was started"
    end
  end

  @doc "Lets it go on."
  @spec go(Path.t()) :: :ok
  def go(tools) do
    File.write!(Path.join(tools, "go"), "go\n")
    # It is the last that is held.
    Application.delete_env(:bloom, :database_tools_directory)
  end
end
