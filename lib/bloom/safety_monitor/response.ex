defmodule Bloom.SafetyMonitor.Response do
  @moduledoc "Asks the response probes of the configuration, and keeps their answers."

  alias Bloom.{Config, ErrorInterpreter}
  alias Bloom.SafetyMonitor.Probe

  # More at a time would make a slow node slower.
  @most_at_once 5

  @enforce_keys [:answers, :asked]
  defstruct [:answers, :asked]

  @typedoc "`answers` by name, newest first; `asked` are those under way, by the monitor of the process that asks."
  @type t :: %__MODULE__{answers: %{String.t() => [map()]}, asked: %{reference() => map()}}

  @doc false
  def new, do: %__MODULE__{answers: %{}, asked: %{}}

  @doc "Asks all probes; what comes back is for `answered/3`."
  @spec ask(t(), non_neg_integer()) :: t()
  def ask(%__MODULE__{} = response, second) do
    timeout = Config.get_valid(:response_probe_timeout_ms)
    Enum.reduce(Config.get_valid(:response_probes), response, &ask(&2, &1, timeout, second))
  end

  @doc "Takes the end of a process that asked, if it was one, and keeps `most` answers of each probe."
  @spec answered(t(), reference(), term(), pos_integer()) :: {:ok, t()} | :error
  def answered(%__MODULE__{asked: asked} = response, monitor, reason, most) do
    with {%{name: name, at: at}, asked} <- Map.pop(asked, monitor) do
      answer =
        case reason do
          {__MODULE__, {:ok, ms}} -> %{at: at, ms: ms, error: nil}
          {__MODULE__, {:error, why}} -> %{at: at, ms: nil, error: why}
          crash -> %{at: at, ms: nil, error: ErrorInterpreter.how(:exit, crash, [])}
        end

      answers = Map.update(response.answers, name, [answer], &Enum.take([answer | &1], most))
      {:ok, %{response | answers: answers, asked: asked}}
    else
      {nil, _asked} -> :error
    end
  end

  @doc """
  The answers of the probes that are configured now, and what has been waited for longer than `limit` milliseconds
  as if it came now.
  """
  @spec answers(t(), number()) :: %{String.t() => [map()]}
  def answers(%__MODULE__{answers: answers, asked: asked}, limit) do
    late = for {_monitor, call} <- asked, ms = (now() - call.started) / 1000, ms > limit, do: {call, ms}

    configured = Map.new(Config.get_valid(:response_probes), fn {name, _target} -> {Atom.to_string(name), []} end)

    late
    |> Enum.sort_by(fn {call, _ms} -> call.started end)
    |> Enum.reduce(answers, fn {%{name: name, at: at}, ms}, answers ->
      Map.update(answers, name, [%{at: at, ms: ms, error: nil}], &[%{at: at, ms: ms, error: nil} | &1])
    end)
    |> Map.take(Map.keys(configured))
    |> then(&Map.merge(configured, &1))
  end

  @doc false
  def enter(target, timeout), do: exit({__MODULE__, Probe.run(target, timeout)})

  defp ask(response, {name, target}, timeout, second) do
    name = Atom.to_string(name)

    if Enum.count(response.asked, fn {_monitor, call} -> call.name == name end) < @most_at_once do
      {_pid, monitor} = :erlang.spawn_opt(__MODULE__, :enter, [target, timeout], [:monitor])
      call = %{name: name, at: second, started: now()}
      %{response | asked: Map.put(response.asked, monitor, call)}
    else
      response
    end
  rescue
    # No process can be made, so nobody asks.
    SystemLimitError -> response
  end

  defp now, do: System.monotonic_time(:microsecond)
end
