defmodule Bloom.HealthChecker do
  @moduledoc """
  Asks the application whether it is well.

  Checks come from the `:health_checks` option and from `register_check/2`. A check is a function without
  arguments or `{module, function, arguments}`; the latter survives upgrades better, as a function value is
  tied to the code of the module that made it. It answers `:ok` or `true`, or `false` or `{:error, reason}`.

  Checks run at the same time, each in a process of its own with a time limit: one that raises, exits, hangs
  or answers nonsense has failed, and harms nothing.
  """

  use GenServer

  alias Bloom.Config

  @type check :: (() -> term()) | {module(), atom(), [term()]}
  @type result :: %{name: atom(), result: :ok | {:error, String.t()}, duration_ms: non_neg_integer()}

  @doc false
  def start_link(_opts), do: GenServer.start_link(__MODULE__, %{}, name: __MODULE__)

  @doc "Registers a check, in place of one of the same name."
  @spec register_check(atom(), check()) :: :ok | {:error, String.t()}
  def register_check(name, check) when is_atom(name) do
    if check?(check) do
      GenServer.call(__MODULE__, {:register, name, check})
    else
      {:error, "expected a function without arguments or {module, function, arguments}, got: #{inspect(check)}"}
    end
  end

  @doc "Whether all checks pass."
  @spec run_checks() :: boolean()
  def run_checks, do: Enum.all?(results(), &(&1.result == :ok))

  @doc "Whether the checks that decide about a switch pass."
  @spec post_switch_health_check() :: boolean()
  def post_switch_health_check, do: verdict() == :ok

  @doc "`:ok`, or in words what failed."
  @spec verdict() :: :ok | {:error, String.t()}
  def verdict do
    case for(%{result: {:error, why}, name: name} <- results(), do: "health check #{name} failed: #{why}") do
      [] -> :ok
      failures -> {:error, Enum.join(failures, "; ")}
    end
  end

  @doc "Runs all checks; each result has the check's name, what came of it and how long it took in milliseconds."
  @spec results() :: [result()]
  def results do
    timeout = Config.get(:health_check_timeout_ms)
    checks = Config.get(:health_checks) |> Keyword.merge(registered())

    checks
    |> Enum.map(fn {name, check} -> {name, start(check), System.monotonic_time(:millisecond)} end)
    |> Enum.map(fn {name, running, started} ->
      result = await(running, started + timeout, timeout)
      %{name: name, result: result, duration_ms: System.monotonic_time(:millisecond) - started}
    end)
  end

  defp registered, do: GenServer.call(__MODULE__, :registered)

  defp check?({module, function, arguments}), do: is_atom(module) and is_atom(function) and is_list(arguments)
  defp check?(check), do: is_function(check, 0)

  defp start(check) do
    :erlang.spawn_opt(fn -> exit({:checked, judge(call(check))}) end, [:monitor])
  end

  defp call({module, function, arguments}), do: apply(module, function, arguments)
  defp call(check), do: check.()

  defp judge(ok) when ok in [:ok, true], do: :ok
  defp judge(false), do: {:error, "it answered false"}
  defp judge({:error, reason}), do: {:error, inspect(reason)}
  defp judge(other), do: {:error, "it answered #{inspect(other)} instead of :ok, true, false or {:error, reason}"}

  defp await({pid, ref}, deadline, timeout) do
    receive do
      {:DOWN, ^ref, :process, ^pid, {:checked, result}} -> result
      {:DOWN, ^ref, :process, ^pid, reason} -> {:error, Exception.format_exit(reason)}
    after
      max(deadline - System.monotonic_time(:millisecond), 0) ->
        Process.demonitor(ref, [:flush])
        Process.exit(pid, :kill)
        {:error, "it did not answer in #{timeout} ms"}
    end
  end

  @impl true
  def init(checks), do: {:ok, checks}

  @impl true
  def handle_call({:register, name, check}, _from, checks), do: {:reply, :ok, Map.put(checks, name, check)}
  def handle_call(:registered, _from, checks), do: {:reply, Enum.to_list(checks), checks}
end
