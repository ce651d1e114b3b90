defmodule Bloom.SafetyMonitor.Judgement do
  @moduledoc """
  Whether what is measured speaks against a release.

  A measure is bad when it is over its limit **and** clearly worse than before the switch, so that a release is not
  taken back for what its predecessor did as well:

  | measure | limit | clearly worse |
  | --- | --- | --- |
  | errors in the last minute | `max_error_rate_per_minute` | twice the worst minute before |
  | response time of a probe, median of the last 5 | `max_response_time_ms` | twice the median before |
  | failed answers of a probe, of the last 5 | 2 | less than half of them failed before |
  | delay of a new process, median of the last 5 | `max_scheduler_delay_ms` | twice the median before |
  | memory that the VM holds | `memory_threshold_bytes`, and what `max_memory_ratio` leaves for it | 1.1 times |
  | processes | `max_process_ratio` of the VM's limit | 1.1 times |

  What nothing is known of from before is judged by its limit alone. Medians take three values at least; what has
  fewer is not judged. Errors are judged from the first one over the limit on.
  """

  alias Bloom.Config
  alias Bloom.SafetyMonitor.Measures

  @type verdict :: :safe | :unsafe | :too_early
  @type t :: %{
          verdict: verdict(),
          reasons: [String.t()],
          measures: Measures.t(),
          limits: map(),
          baseline: Measures.baseline()
        }

  @slower 2
  @bigger 1.1
  @failures 3

  @doc "The limits of the configuration, as it is now."
  @spec limits() :: map()
  def limits do
    %{
      errors_per_minute: Config.get_valid(:max_error_rate_per_minute),
      response_ms: Config.get_valid(:max_response_time_ms),
      scheduler_delay_ms: Config.get_valid(:max_scheduler_delay_ms),
      memory_bytes: Config.get_valid(:memory_threshold_bytes),
      memory_ratio: Config.get_valid(:max_memory_ratio),
      processes: floor(:erlang.system_info(:process_limit) * Config.get_valid(:max_process_ratio))
    }
  end

  @doc "Judges measures by limits and a baseline."
  @spec make(Measures.t(), map(), Measures.baseline()) :: t()
  def make(measures, limits, baseline) do
    findings =
      [errors(measures, limits, baseline), delay(measures, limits, baseline)] ++
        [memory(measures, limits, baseline), processes(measures, limits, baseline)] ++
        Enum.flat_map(Map.keys(measures.response_ms), &probe(&1, measures, limits, baseline))

    reasons = for {:bad, reason} <- findings, do: reason

    verdict =
      cond do
        reasons != [] -> :unsafe
        :unknown in findings -> :too_early
        true -> :safe
      end

    %{verdict: verdict, reasons: reasons, measures: measures, limits: limits, baseline: baseline}
  end

  defp errors(%{errors_per_minute: count} = measures, %{errors_per_minute: limit}, baseline) do
    before = baseline[:errors_per_minute]

    judge(count, limit, before, @slower, fn ->
      "#{count} errors in #{window(measures.seconds)}, limit #{limit} a minute, #{before || "unknown"} before the switch"
    end)
  end

  defp delay(%{scheduler_delay_ms: delay}, %{scheduler_delay_ms: limit}, baseline) do
    before = baseline[:scheduler_delay_ms]

    judge(delay, limit, before, @slower, fn ->
      "a new process waits #{ms(delay)} until it runs, limit #{limit} ms, #{ms(before)} before the switch"
    end)
  end

  # The operating system does not tell, and will not later.
  defp memory(%{memory_bytes: nil, processes: count}, _limits, _baseline) when is_integer(count), do: :fine

  defp memory(%{memory_bytes: held, memory_free_bytes: free}, limits, baseline) do
    limit = free && Enum.min([floor(free * limits.memory_ratio) | List.wrap(limits.memory_bytes)])
    before = baseline[:memory_bytes]

    judge(held, limit, before, @bigger, fn ->
      "the VM holds #{mb(held)} of memory, limit #{mb(limit)}, #{mb(before)} before the switch"
    end)
  end

  defp processes(%{processes: count}, %{processes: limit}, baseline) do
    before = baseline[:processes]

    judge(count, limit, before, @bigger, fn ->
      "there are #{count} processes, limit #{limit}, #{before || "unknown"} before the switch"
    end)
  end

  defp probe(name, measures, limits, baseline) do
    time = measures.response_ms[name]
    {failed, all, error} = measures.response_failures[name]
    before = baseline[:response_ms][name]
    failed_before = baseline[:response_failed][name]

    cond do
      failed >= @failures and (failed_before == nil or failed_before < 0.5) ->
        share = if failed_before, do: "#{round(failed_before * 100)}% of them", else: "unknown"
        [{:bad, "response probe #{name} failed #{failed} of #{all} times (#{error}), #{share} before the switch"}]

      all < @failures ->
        [:unknown]

      # Enough answers, but too few of them have a time, as before the switch.
      time == nil ->
        [:fine]

      true ->
        [
          judge(time, limits.response_ms, before, @slower, fn ->
            "response probe #{name} takes #{ms(time)}, limit #{limits.response_ms} ms, #{ms(before)} before the switch"
          end)
        ]
    end
  end

  defp judge(nil, _limit, _before, _factor, _reason), do: :unknown
  defp judge(_value, nil, _before, _factor, _reason), do: :unknown

  defp judge(value, limit, before, factor, reason) do
    if value > limit and value >= (before || 0) * factor, do: {:bad, reason.()}, else: :fine
  end

  defp window(seconds) when seconds >= 60, do: "the last minute"
  defp window(seconds), do: "the #{seconds} s since the switch"

  defp ms(nil), do: "unknown"
  defp ms(value) when value < 10, do: "#{Float.round(value / 1, 1)} ms"
  defp ms(value), do: "#{round(value)} ms"

  defp mb(nil), do: "unknown"
  defp mb(bytes), do: "#{div(bytes, 1024 * 1024)} MB"
end
