defmodule Bloom.Deployment.Preflight do
  @moduledoc """
  Looks at every process that the switch will touch, right before it.

  OTP's release handler hangs half-way on a supervisor that is busy, and skips silently a process that does
  not answer in time, which then has its old state under new code. Both are refused here, with the name of
  the culprit, while nothing has happened yet.
  """

  alias Bloom.{Config, Error, Plan, Supervision}

  @batch 200

  @doc "Whether every supervisor, and every process whose state will be changed, answers in time."
  @spec run(Plan.t()) :: :ok | {:error, Error.t()}
  def run(%Plan{} = plan) do
    timeout = Config.get(:busy_timeout_ms)
    touched = MapSet.new(Plan.changed_modules(plan, :update) ++ Plan.changed_modules(plan, :supervisor))

    with {:ok, entries} <- Supervision.walk(timeout),
         {:ok, entries} <- upgraded(entries, touched, timeout),
         :ok <- all_answer(entries, timeout) do
      :ok
    else
      {:error, {:busy, entry}} -> {:error, Error.busy(Supervision.describe(entry), timeout)}
    end
  end

  defp upgraded(entries, touched, timeout) do
    Enum.reduce_while(entries, {:ok, []}, fn entry, {:ok, acc} ->
      case Supervision.modules(entry, timeout) do
        {:ok, modules} -> {:cont, {:ok, if(Enum.any?(modules, &(&1 in touched)), do: [entry | acc], else: acc)}}
        {:error, busy} -> {:halt, {:error, busy}}
      end
    end)
  end

  # A system message that copies no state. In batches, as a burst of thousands of processes that want to run would
  # make everybody else wait for its end.
  defp all_answer(entries, timeout) do
    deadline = System.monotonic_time(:millisecond) + timeout

    entries
    |> Enum.chunk_every(@batch)
    |> Enum.find_value(:ok, fn batch ->
      requests = for entry <- batch, do: {entry, :gen.send_request(entry.pid, :system, {:debug, {:log, :get}})}
      Enum.find_value(requests, fn {entry, request} -> unanswered(entry, request, deadline) end)
    end)
  end

  defp unanswered(entry, request, deadline) do
    case :gen.receive_response(request, max(deadline - System.monotonic_time(:millisecond), 0)) do
      :timeout -> {:error, {:busy, entry}}
      _answer_or_gone -> nil
    end
  end
end
