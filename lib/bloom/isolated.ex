defmodule Bloom.Isolated do
  @moduledoc """
  Calls other people's code in a process of its own, with a time limit.

  Whatever that code does, raise, throw, exit, kill itself, hang or answer anything at all, comes back as a value
  with the time it took.
  """

  alias Bloom.ErrorInterpreter

  @enforce_keys [:pid, :monitor, :deadline, :timeout]
  defstruct [:pid, :monitor, :deadline, :timeout]

  @opaque call :: %__MODULE__{
            pid: pid() | nil,
            monitor: reference() | nil,
            deadline: integer(),
            timeout: pos_integer()
          }

  @type code :: (() -> term()) | {module(), atom(), [term()]}

  @typedoc "What was answered, or in words why nothing was; and after how many microseconds."
  @type outcome :: {{:ok, term()} | {:error, String.t()}, non_neg_integer()}

  @doc """
  Whether it can be called.

      iex> Bloom.Isolated.code?({String, :upcase, ["a"]})
      true
      iex> Bloom.Isolated.code?(&String.upcase/1)
      false
  """
  @spec code?(term()) :: boolean()
  def code?({module, function, arguments}), do: is_atom(module) and is_atom(function) and is_list(arguments)
  def code?(code), do: is_function(code, 0)

  @doc """
  Calls it and waits.

      iex> {{:ok, "A"}, _microseconds} = Bloom.Isolated.run({String, :upcase, ["a"]}, 1000)
      iex> {{:error, reason}, _microseconds} = Bloom.Isolated.run(fn -> throw(:ball) end, 1000)
      iex> reason
      "it threw ball"
  """
  @spec run(code(), pos_integer()) :: outcome()
  def run(code, timeout), do: code |> start(timeout) |> await()

  @doc "Calls it and goes on; the caller has to `await/1`."
  @spec start(code(), pos_integer()) :: call()
  def start(code, timeout) do
    {pid, monitor} = :erlang.spawn_opt(__MODULE__, :enter, [code, timeout], [:monitor])
    %__MODULE__{pid: pid, monitor: monitor, deadline: now() + timeout * 1000, timeout: timeout}
  rescue
    SystemLimitError -> %__MODULE__{pid: nil, monitor: nil, deadline: now(), timeout: timeout}
  end

  @doc "Waits for what `start/2` began."
  @spec await(call()) :: outcome()
  def await(%__MODULE__{pid: nil}), do: {{:error, "the VM allows no more processes"}, 0}

  def await(%__MODULE__{monitor: monitor} = call) do
    receive do
      {:DOWN, ^monitor, :process, _pid, {__MODULE__, outcome}} -> outcome
      {:DOWN, ^monitor, :process, _pid, reason} -> {{:error, ended(reason)}, elapsed(call)}
    after
      max(div(call.deadline - now() + 999, 1000), 0) ->
        Process.demonitor(monitor, [:flush])
        Process.exit(call.pid, :kill)
        {{:error, "it did not answer in #{call.timeout} ms"}, elapsed(call)}
    end
  end

  @doc false
  def enter(code, timeout) do
    # For when the caller is gone before the time is up.
    {:ok, _timer} = :timer.kill_after(2 * timeout)
    started = now()
    result = attempt(code)
    exit({__MODULE__, {result, now() - started}})
  end

  # Nothing gets out, so that nothing is logged as a crash either: who called decides what a failure means.
  defp attempt(code) do
    {:ok, call(code)}
  rescue
    exception -> {:error, ErrorInterpreter.how(:error, exception, __STACKTRACE__)}
  catch
    kind, reason -> {:error, ErrorInterpreter.how(kind, reason, [])}
  end

  defp call({module, function, arguments}), do: apply(module, function, arguments)
  defp call(code), do: code.()

  defp ended(reason), do: ErrorInterpreter.how(:exit, reason, [])

  defp elapsed(call), do: call.timeout * 1000 - max(call.deadline - now(), 0)

  defp now, do: System.monotonic_time(:microsecond)
end
