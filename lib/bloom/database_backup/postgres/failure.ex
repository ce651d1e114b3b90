defmodule Bloom.DatabaseBackup.Postgres.Failure do
  @moduledoc "Why PostgreSQL's programs have failed: a code, the server's words, and what to do next."

  alias Bloom.DatabaseBackup.Postgres.Connection
  alias Bloom.{Error, Pipeline}

  # SQLSTATE where a program shows it, else what libpq and the programs say in the C locale.
  @known [
    {:wrong_password, ~r/\b28P01\b|password authentication failed|no password supplied/,
     "correct username and password in the repo's configuration"},
    {:no_such_database, ~r/\b3D000\b|database ".*" does not exist/,
     "correct the database's name in the repo's configuration, or create the database"},
    {:access_refused, ~r/\b28000\b|no pg_hba\.conf entry|role ".*" does not exist|authentication failed/,
     "let the repo's user connect: see pg_hba.conf and the roles of the server"},
    {:tools_too_old, ~r/server version mismatch|unsupported version/,
     "install the client programs of the server's version, or set database_tools_directory to where they are"},
    {:too_many_connections, ~r/\b53300\b|too many clients|remaining connection slots|too many connections/,
     "close some connections, or raise max_connections"},
    {:server_disk_full, ~r/\b53100\b|No space left on device|could not (extend|write) .*file/,
     "free some space on the server's disk and try again"},
    {:server_gone,
     ~r/server closed the connection|connection to server was lost|terminating connection|\b57P0[123]\b|connection has been closed|is shutting down|is starting up|in recovery mode|SSL SYSCALL error/,
     "start the server again, see why it ended, and try again"},
    {:server_unreachable,
     ~r/connection to server .*failed|could not connect|Connection refused|could not translate host name|timeout expired/s,
     "check host, port and socket in the repo's configuration, and that the server runs"},
    {:lock_timeout, ~r/\b55P03\b|lock timeout/, "end the transactions that hold locks on its tables, and try again"},
    {:database_in_use, ~r/\b55006\b|being accessed by other users|prepared transaction/,
     "disconnect what still uses the database, and end its prepared transactions"},
    {:not_permitted, ~r/\b42501\b|permission denied|must be (owner|superuser|member)/,
     "give the repo's user that right, or let a user with it do this"},
    {:backup_damaged, ~r/does not appear to be a valid archive|unexpected end of file|could not read from input file/,
     "use another backup"}
  ]

  @doc "The error for programs of which at least one has failed; `doing` says at what, as in \"to dump garden\"."
  @spec error([Pipeline.exit()], Connection.t(), String.t()) :: Error.t()
  def error(exits, connection, doing) do
    exit = cause(exits)
    said = exit.stderr |> conceal(connection.password) |> String.trim()

    case Enum.find(@known, fn {_code, pattern, _advice} -> said =~ pattern end) do
      {code, _pattern, advice} ->
        Error.new(code, "cannot #{doing}: #{line(said, exit)}", details: %{output: said}, suggestions: [advice])

      nil ->
        Error.new(:database_failed, "cannot #{doing}: #{line(said, exit)}",
          details: %{output: said},
          suggestions: ["look at the server's log and try again"]
        )
    end
  end

  # One that others have left alone says less than one that had something to say itself.
  defp cause(exits) do
    failed = Enum.filter(exits, &(&1.status != 0))

    Enum.find(failed, &(&1.status != nil and &1.stderr =~ ~r/ERROR|FATAL|PANIC/)) ||
      Enum.find(failed, &(&1.status != nil)) || hd(failed)
  end

  defp line("", %{program: program, status: nil, signal: signal}), do: "#{program} was killed by signal #{signal}"
  defp line("", %{program: program, status: status}), do: "#{program} ended with status #{status}"

  defp line(said, exit) do
    lines = String.split(said, "\n", trim: true)
    main = Enum.find(lines, List.last(lines), &(&1 =~ ~r/(ERROR|FATAL|PANIC|error): /))
    "#{exit.program}: " <> String.replace(main, ~r/^(psql|pg_dump|pg_restore):(<stdin>:\d+:)?\s*(error:)?\s*/, "")
  end

  defp conceal(text, empty) when empty in [nil, ""], do: text
  defp conceal(text, password), do: String.replace(text, password, "***")
end
