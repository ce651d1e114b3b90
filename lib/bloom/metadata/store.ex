defmodule Bloom.Metadata.Store do
  @moduledoc """
  The open journal of this VM.

  It belongs to no process, so nothing that is killed can take it along: the handle is a persistent term, made at
  first use and made anew when the file or the native library under it has changed.
  """

  alias Bloom.{Config, Error, Native, Root}
  alias Bloom.Native.AuditLog

  # What a handle answers that is of no use any more.
  @gone [:store_closed, :store_moved, :store_damaged]

  @doc "Where the journal is."
  @spec path() :: Path.t()
  def path do
    cond do
      root = Config.get(:app_root) -> Path.join(root, "bloom.db")
      Root.release?() -> Path.join(Root.path(), "bloom.db")
      true -> ":memory:"
    end
  end

  @doc "Runs one statement."
  @spec query(String.t(), [Native.param()]) :: {:ok, [[Native.value()]]} | {:error, Error.t()}
  def query(sql, params \\ []), do: run(&Native.store_query(&1, sql, params))

  @doc "Runs all statements or none."
  @spec transaction([{String.t(), [Native.param()]}]) :: {:ok, [[[Native.value()]]]} | {:error, Error.t()}
  def transaction(statements), do: run(&Native.store_transaction(&1, statements))

  @doc "Writes a row of the audit log."
  @spec audit(AuditLog.entry(), pos_integer()) :: :ok | {:error, Error.t()}
  def audit(entry, kept), do: run(&AuditLog.append(&1, entry, kept))

  @doc "Looks whether the audit log is as it was written."
  @spec verify_audit(pos_integer()) :: {:ok, AuditLog.verdict()} | {:error, Error.t()}
  def verify_audit(kept), do: run(&AuditLog.verify(&1, kept))

  @doc "Makes an empty journal where the old one was damaged; does nothing where there is one."
  @spec start_anew() :: :ok | {:error, Error.t()}
  def start_anew do
    with {:error, %Error{code: :store_damaged}} <- handle(),
         {:ok, _store} <- locked(fn -> open(path(), &Native.store_start_anew/1) end) do
      :ok
    else
      {:ok, _store} -> :ok
      {:error, error} -> {:error, error}
    end
  end

  @doc "Closes the journal; the next call opens it again."
  @spec close() :: :ok
  def close, do: locked(fn -> forget(held()) end)

  defp run(fun) do
    with {:ok, store} <- handle() do
      case attempt(fun, store) do
        :gone -> with {:ok, store} <- reopen(store), do: fun.(store)
        answer -> answer
      end
    end
  end

  # A handle of another build of the native library is no valid argument to this one.
  defp attempt(fun, store) do
    case fun.(store) do
      {:error, %Error{code: code}} when code in @gone -> :gone
      answer -> answer
    end
  rescue
    ArgumentError -> :gone
  end

  defp handle do
    path = path()

    case held() do
      {^path, store} -> {:ok, store}
      _none_or_other -> locked(fn -> open_unless_open(path) end)
    end
  end

  defp reopen(gone) do
    locked(fn ->
      with {_path, ^gone} = held <- held(), do: forget(held)
      open_unless_open(path())
    end)
  end

  defp open_unless_open(path) do
    case held() do
      {^path, store} ->
        {:ok, store}

      other ->
        forget(other)
        open(path, &Native.store_open/1)
    end
  end

  # Every handle is a persistent term of its own and stays one, as OTP 25 crashes where such a term is erased while
  # another process is in the native library with it. What is replaced is the number of the one in use.
  defp open(path, opener) do
    with {:ok, store} <- opener.(path) do
      number = System.unique_integer([:positive])
      :persistent_term.put({__MODULE__, number}, {path, store})
      :persistent_term.put(__MODULE__, number)
      {:ok, store}
    end
  end

  defp held do
    with number when number != nil <- :persistent_term.get(__MODULE__, nil),
         do: :persistent_term.get({__MODULE__, number})
  end

  defp forget(nil), do: :ok

  defp forget({_path, store}) do
    :persistent_term.erase(__MODULE__)
    close(store)
  end

  # What another build of the native library has opened stays open: nobody can close it any more.
  defp close(store) do
    Native.ok!(Native.store_close(store))
  rescue
    ArgumentError -> :ok
  end

  # Two at once must not open two journals in memory. The lock dies with its holder.
  defp locked(fun), do: :global.trans({__MODULE__, self()}, fun, [node()])
end
