defmodule Bloom.SafetyMonitor.LogEvent do
  @moduledoc """
  What a log event says about the health of the node.

  One crash is reported up to three times: by the behaviour of the process, by `:proc_lib` and by the supervisor. All
  name the process that crashed.
  """

  @type meaning :: :error | {:crash, pid()} | :nothing

  @severe [:error, :critical, :alert, :emergency]

  @doc """
  An error, a crash of a process, or nothing that counts: below error, logged for another node, or Bloom's own.

      iex> event = %{level: :error, msg: {:string, "no water"}, meta: %{}}
      iex> Bloom.SafetyMonitor.LogEvent.meaning(event)
      :error
      iex> Bloom.SafetyMonitor.LogEvent.meaning(%{event | level: :warning})
      :nothing
  """
  @spec meaning(:logger.log_event()) :: meaning()
  def meaning(%{level: level, msg: msg, meta: meta}) when level in @severe do
    if remote?(meta) or own?(meta), do: :nothing, else: crash(msg, meta)
  end

  def meaning(_event), do: :nothing

  @doc "Whether it is a report of a crash or of a supervisor, which Elixir's Logger may drop before any handler."
  @spec sasl?(:logger.log_event()) :: boolean()
  def sasl?(%{meta: %{domain: [:otp, :sasl | _more]}}), do: true
  def sasl?(_event), do: false

  # As in OTP's own handlers: the group leader is on the node that the event is meant for.
  defp remote?(%{gl: gl}) when is_pid(gl), do: node(gl) != node()
  defp remote?(_meta), do: false

  defp own?(%{application: :bloom}), do: true

  # The process that logs is the one that runs this.
  defp own?(_meta) do
    case Process.get(:"$ancestors") do
      ancestors when is_list(ancestors) -> Bloom.Supervisor in ancestors or Process.whereis(Bloom.Supervisor) == self()
      _none -> false
    end
  end

  defp crash({:report, %{report: report, label: {_supervisor, :child_terminated}}}, _meta) when is_list(report) do
    with {:offender, child} <- List.keyfind(report, :offender, 0),
         {:pid, pid} when is_pid(pid) <- List.keyfind(child, :pid, 0) do
      {:crash, pid}
    else
      _unknown -> :error
    end
  end

  # A manager of :gen_event lives on when one of its handlers crashes.
  defp crash({:report, %{label: {:gen_event, _what}}}, _meta), do: :error

  defp crash({:report, %{label: {_behaviour, what}}}, %{pid: pid})
       when what in [:crash, :terminate, :terminating] and is_pid(pid),
       do: {:crash, pid}

  # A process without a behaviour, reported by the VM.
  defp crash(_msg, %{error_logger: %{emulator: true}, pid: pid}) when is_pid(pid), do: {:crash, pid}

  # Elixir's Logger has translated the report before it came here.
  defp crash({:string, _text}, %{crash_reason: _reason, domain: [:otp | _more], pid: pid}) when is_pid(pid),
    do: {:crash, pid}

  defp crash(_msg, _meta), do: :error
end
