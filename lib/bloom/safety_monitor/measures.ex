defmodule Bloom.SafetyMonitor.Measures do
  @moduledoc """
  What was seen, in numbers: of a release on probation, and of the minutes before as its baseline.

  A baseline has numbers and strings only, so that it can be written down and handed to the VM that comes after a
  restart.
  """

  alias Bloom.SafetyMonitor.ErrorCounter

  @typedoc "A sample of `Bloom.SafetyMonitor.Sample`, or an answer of a response probe."
  @type seen :: %{samples: [map()], answers: %{String.t() => [map()]}}

  @typedoc """
  What is not known yet is nil. `errors` is a number for the last minute, or since the switch if that is shorter;
  `seconds` is how long that is.
  """
  @type t :: %{
          seconds: non_neg_integer(),
          errors_per_minute: non_neg_integer() | nil,
          response_ms: %{String.t() => float() | nil},
          response_failures: %{String.t() => {failed :: non_neg_integer(), all :: pos_integer(), String.t() | nil}},
          scheduler_delay_ms: float() | nil,
          memory_bytes: non_neg_integer() | nil,
          memory_free_bytes: integer() | nil,
          processes: pos_integer() | nil
        }

  @type baseline :: %{optional(atom()) => term()}

  @minute 60
  # One slow answer is no slow release.
  @few 3
  @recent 5
  # A baseline from less than this says nothing about errors.
  @least_seconds 10

  @doc """
  What the seconds after `since` show.

  `before` is how many errors of that very second were there already.
  """
  @spec current(seen(), ErrorCounter.t(), %{since: non_neg_integer(), before: non_neg_integer()}, non_neg_integer()) ::
          t()
  def current(seen, counter, %{since: since, before: before}, now) do
    first = max(since, now - @minute + 1)
    counted = ErrorCounter.count(counter, first..now)
    samples = seen.samples |> Enum.filter(&(&1.at > since)) |> Enum.take(@recent)

    answers =
      Map.new(seen.answers, fn {name, all} -> {name, all |> Enum.filter(&(&1.at > since)) |> Enum.take(@recent)} end)

    memory = samples |> Enum.map(& &1.memory) |> Enum.find(& &1)

    %{
      seconds: max(now - since, 1),
      errors_per_minute: if(first == since, do: counted - before, else: counted),
      response_ms: Map.new(answers, fn {name, some} -> {name, median(times(some))} end),
      response_failures: Map.new(answers, fn {name, some} -> {name, failures(some)} end),
      scheduler_delay_ms: median(Enum.map(samples, & &1.delay_ms)),
      memory_bytes: memory && memory.resident,
      memory_free_bytes: memory && memory.limit - max(memory.used - memory.resident, 0),
      processes: samples |> Enum.map(& &1.processes) |> List.first()
    }
  end

  @doc """
  What the last five minutes show. Of the errors it is the worst minute of them: what comes in bursts would pass
  for quiet in between.
  """
  @spec baseline(seen(), ErrorCounter.t(), non_neg_integer(), non_neg_integer()) :: baseline()
  def baseline(seen, counter, now, window) do
    first = max(counter.since, now - window + 1)
    seconds = now - first + 1
    samples = Enum.filter(seen.samples, &(&1.at >= first))
    resident = for %{memory: %{resident: resident}} <- samples, do: resident

    %{
      taken_at: System.system_time(:second),
      seconds: seconds,
      errors_per_minute: worst_minute(ErrorCounter.counts(counter, first..now), seconds),
      response_ms: Map.new(seen.answers, fn {name, some} -> {name, median(times(some))} end),
      response_failed: Map.new(seen.answers, fn {name, some} -> {name, share_failed(some)} end),
      scheduler_delay_ms: median(Enum.map(samples, & &1.delay_ms)),
      memory_bytes: median(resident),
      processes: median(Enum.map(samples, & &1.processes))
    }
  end

  @doc """
  A baseline as it was before it was written down: whatever wrote it may have made strings of its keys.

      iex> Bloom.SafetyMonitor.Measures.restore(%{"errors_per_minute" => 3, "colour" => "red"})
      %{errors_per_minute: 3}
  """
  @spec restore(map()) :: baseline()
  def restore(written) do
    for key <-
          ~w(taken_at seconds errors_per_minute response_ms response_failed scheduler_delay_ms memory_bytes processes)a,
        {:ok, value} <- [with(:error <- Map.fetch(written, key), do: Map.fetch(written, Atom.to_string(key)))],
        into: %{},
        do: {key, value}
  end

  @doc """
  The median, of at least #{@few}.

      iex> Bloom.SafetyMonitor.Measures.median([9, 1, 5])
      5
      iex> Bloom.SafetyMonitor.Measures.median([9, 1])
      nil
  """
  @spec median([number()]) :: number() | nil
  def median(values) when length(values) < @few, do: nil
  def median(values), do: values |> Enum.sort() |> Enum.at(div(length(values), 2))

  defp times(answers), do: for(%{ms: ms} when is_number(ms) <- answers, do: ms)

  defp failures(answers) do
    errors = for %{error: error} when is_binary(error) <- answers, do: error
    {length(errors), length(answers), List.first(errors)}
  end

  defp share_failed(answers) when length(answers) < @few, do: nil
  defp share_failed(answers), do: Enum.count(answers, & &1.error) / length(answers)

  defp worst_minute(_counts, seconds) when seconds < @least_seconds, do: nil
  defp worst_minute(counts, seconds) when seconds < @minute, do: round(Enum.sum(counts) * @minute / seconds)

  defp worst_minute(counts, _seconds),
    do: counts |> Enum.chunk_every(@minute, 1, :discard) |> Enum.map(&Enum.sum/1) |> Enum.max()
end
