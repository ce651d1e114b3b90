defmodule Bloom.Hook.Runner do
  @moduledoc "Calls a hook, as often as it may be tried."

  alias Bloom.Deployment.Status
  alias Bloom.ErrorInterpreter.Words
  alias Bloom.Hook.Entry
  alias Bloom.{Isolated, Telemetry}

  # How often a pause looks whether the deployment was cancelled.
  @look_ms 50

  @typedoc "What the journal keeps of it; `duration_us` is that of all attempts and of the pauses between them."
  @type record :: %{
          hook: String.t(),
          kind: Bloom.Hook.kind(),
          result: :ok | {:error, String.t()},
          attempts: pos_integer(),
          started_at: DateTime.t(),
          duration_us: non_neg_integer()
        }

  @doc """
  Calls it until it answers `:ok`, or was tried often enough. One of kind `:before` is not tried again when the deployment
  has been cancelled meanwhile.

      iex> [entry] = Bloom.Hook.Entry.of([before: [{List, :first, [:ok]}]], :before)
      iex> {:error, why} = Bloom.Hook.Runner.run(entry, %{kind: :before}).result
      iex> why =~ "it raised FunctionClauseError: no function clause matching in List.first/2"
      true
  """
  @spec run(Entry.t(), Bloom.Hook.info()) :: record()
  def run(%Entry{} = entry, info) do
    started_at = DateTime.utc_now()
    started = System.monotonic_time(:microsecond)

    {result, attempts} =
      Telemetry.span([:bloom, :hook], Map.put(info, :hook, entry.name), fn ->
        {result, attempts} = outcome = attempt(entry, info, 1)
        {outcome, Map.put(told(result), :attempts, attempts)}
      end)

    %{
      hook: entry.name,
      kind: info.kind,
      result: result,
      attempts: attempts,
      started_at: started_at,
      duration_us: System.monotonic_time(:microsecond) - started
    }
  end

  defp attempt(entry, info, number) do
    call = {__MODULE__, :call, [entry.code, info, Logger.metadata()]}
    {answer, _microseconds} = Isolated.run(call, entry.timeout_ms)

    case judge(answer) do
      {:error, _why} = failed when number <= entry.retries ->
        if pause(entry.retry_ms, info.kind) == :cancelled,
          do: {failed, number},
          else: attempt(entry, info, number + 1)

      result ->
        {result, number}
    end
  end

  # What runs after a deployment has to be done, cancelled or not.
  defp pause(ms, kind) do
    cond do
      kind == :before and Status.cancelled?() -> :cancelled
      ms == 0 -> :over
      true -> receive(after: (min(ms, @look_ms) -> pause(max(ms - @look_ms, 0), kind)))
    end
  end

  @doc false
  def call({module, function, arguments}, info, log_metadata) do
    Logger.metadata(log_metadata)
    apply(module, function, [info | arguments])
  end

  defp judge({:ok, :ok}), do: :ok
  defp judge({:ok, {:error, reason}}), do: {:error, Words.of(reason)}

  defp judge({:ok, other}),
    do: {:error, "it answered #{Words.of(other)} instead of :ok or an :error tuple with a reason"}

  defp judge({:error, why}), do: {:error, why}

  defp told(:ok), do: %{result: :ok, error: nil}
  defp told({:error, why}), do: %{result: :error, error: why}
end
