defmodule Bloom.DatabaseBackup.Postgres.Session do
  @moduledoc """
  A session that stays open while other programs work: it holds a snapshot or a lock.

  It ends, and with it what it holds, when it is closed, when the process that opened it ends, and with the VM: `psql`
  then has nothing more to read. So that this is at once, nothing that takes long is asked in it.
  """

  alias Bloom.DatabaseBackup.Postgres.{Client, Connection, Failure, Tools}
  alias Bloom.Error

  @enforce_keys [:port, :connection, :doing]
  defstruct [:port, :connection, :doing]

  @opaque t :: %__MODULE__{port: port(), connection: Connection.t(), doing: String.t()}

  @timeout_ms 60_000

  @doc "Opens a session, gives it to a function, and closes it."
  @spec with_session(Connection.t(), String.t(), (t() -> result)) :: result | {:error, Error.t()} when result: term()
  def with_session(connection, doing, fun) do
    with {:ok, psql} <- Tools.psql() do
      port =
        Port.open({:spawn_executable, psql}, [
          :binary,
          :exit_status,
          :stderr_to_stdout,
          :hide,
          args: Client.arguments(),
          env: environment(connection)
        ])

      try do
        fun.(%__MODULE__{port: port, connection: connection, doing: doing})
      after
        close(port)
      end
    end
  end

  @doc "Runs statements in it and answers their rows."
  @spec ask(t(), String.t()) :: {:ok, [[String.t()]]} | {:error, Error.t()}
  def ask(%__MODULE__{port: port} = session, sql) do
    mark = "bloom-#{System.unique_integer([:positive])}"
    # One that has ended says so in the message that it leaves.
    try do
      Port.command(port, [Client.settings(), sql, "\n\\echo ", mark, "\n"])
    rescue
      ArgumentError -> true
    end

    answer(session, mark <> "\n", "", System.monotonic_time(:millisecond) + @timeout_ms)
  end

  defp answer(%{port: port} = session, mark, output, deadline) do
    receive do
      {^port, {:data, data}} ->
        output = output <> data

        if String.ends_with?(output, mark) do
          lines = output |> String.replace_suffix(mark, "") |> String.split("\n", trim: true)
          {:ok, Enum.map(lines, &String.split(&1, "\t"))}
        else
          answer(session, mark, output, deadline)
        end

      {^port, {:exit_status, status}} ->
        exit = %{program: "psql", status: if(status == 0, do: 1, else: status), signal: nil, stderr: output}
        {:error, Failure.error([exit], session.connection, session.doing)}
    after
      max(deadline - System.monotonic_time(:millisecond), 0) ->
        {:error,
         Error.new(:server_unreachable, "cannot #{session.doing}: the server did not answer in #{@timeout_ms} ms",
           suggestions: ["see what the server is doing, and try again"]
         )}
    end
  end

  defp close(port) do
    Port.close(port)
    flush(port)
  rescue
    ArgumentError -> flush(port)
  end

  defp flush(port) do
    receive do
      {^port, _message} -> flush(port)
    after
      0 -> :ok
    end
  end

  # The port's program has the VM's environment with these changes.
  defp environment(connection) do
    wanted = Connection.environment(connection)
    others = Map.keys(System.get_env()) -- Enum.map(wanted, &elem(&1, 0))
    for({name, value} <- wanted, do: {chars(name), chars(value)}) ++ for(name <- others, do: {chars(name), false})
  end

  # Where the VM takes names for Latin-1, a character is a byte.
  defp chars(text) do
    if :file.native_name_encoding() == :utf8, do: String.to_charlist(text), else: :binary.bin_to_list(text)
  end
end
