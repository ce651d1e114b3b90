defmodule EctoSQL.Psql do
  @moduledoc "Talks to PostgreSQL by its psql. Raises what Postgrex and DBConnection raise."

  @codes %{"42P01" => :undefined_table, "55P03" => :lock_not_available, "57014" => :query_canceled}

  def query!(repo, sql, parameters \\ []) do
    sql =
      Enum.reduce(Enum.with_index(parameters, 1), sql, fn {value, n}, sql ->
        String.replace(sql, "$#{n}", quoted(value))
      end)

    for line <- repo |> run!([sql]) |> String.split("\n", trim: true), do: String.split(line, "\t")
  end

  def run!(repo, statements) do
    case psql(repo.config(), statements) do
      {output, 0} -> output
      {output, 2} -> raise DBConnection.ConnectionError, message: "connection not available: #{output}"
      {output, _status} -> raise Postgrex.Error, message: output, postgres: %{code: code(output)}
    end
  end

  def psql(config, statements) do
    commands = Enum.flat_map(after_connect(config[:after_connect]) ++ statements, &["-c", &1])

    System.cmd("psql", ~w(--no-psqlrc -q -A -t -v ON_ERROR_STOP=1 -v VERBOSITY=verbose) ++ ["-F", "\t" | commands],
      stderr_to_stdout: true,
      env: [
        {"PGHOST", config[:socket_dir]},
        {"PGUSER", config[:username]},
        {"PGDATABASE", config[:database]},
        {"PGPASSWORD", config[:password] || ""},
        {"PGAPPNAME", (config[:parameters] || [])[:application_name] || "garden"},
        {"PGOPTIONS", "-c client_min_messages=warning"}
      ]
    )
  end

  # What Postgrex would run on every new connection, which here is one call of psql.
  defp after_connect(nil), do: []

  defp after_connect(fun) do
    Process.put(Postgrex, [])
    fun.(:connection)
    Enum.reverse(Process.delete(Postgrex))
  end

  defp code(output) do
    case Regex.run(~r/ERROR:  (\w{5}):/, output) do
      [_all, code] -> Map.get(@codes, code, :other)
      nil -> :other
    end
  end

  defp quoted(value), do: "'" <> String.replace(to_string(value), "'", "''") <> "'"
end
