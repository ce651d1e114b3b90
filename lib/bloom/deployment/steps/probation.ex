defmodule Bloom.Deployment.Steps.Probation do
  @moduledoc """
  Has the new release prove itself while the old one is still permanent.

  The checks run at once; then whoever asked for the switch is answered, and the safety monitor watches until
  `probation_ms` are over, with the critical health checks in between and at the end.
  """

  use Bloom.Deployment.Step

  require Logger

  alias Bloom.{Config, Deployment, Error, Plan, SafetyMonitor, TrialBoot, Watchdog}
  alias Bloom.Deployment.{Boot, Context, OldCode, Proof, Status}
  alias Bloom.ErrorInterpreter.Words

  # Between two attempts to reach a monitor that is being started again.
  @pause_ms 100

  @impl true
  def name, do: :probation

  @impl true
  def run(%Context{} = context) do
    probation_ms = Config.get(:probation_ms)
    # A trial begins while the applications are still starting.
    :ok = Boot.await_started()
    # From here on every error counts, those that the checks provoke too.
    monitor = if probation_ms > 0, do: start_monitor(context)
    Watchdog.start()

    try do
      with :ok <- Proof.run(context),
           :ok <- TrialBoot.confirm(context.root.path) do
        if probation_ms > 0, do: begun(context, probation_ms)
        deadline = now() + probation_ms
        wait_for_old_code(context)
        if probation_ms > 0, do: watching(context, deadline, monitor), else: {:ok, context}
      end
    after
      SafetyMonitor.stop()
      Watchdog.stop()
    end
  end

  # Whoever is answered may ask at once how long it has left.
  defp begun(context, probation_ms) do
    Status.probation(probation_ms)
    if context.opts[:wait] != :commit, do: Deployment.answer(:ok)
  end

  # Who stays in old code is left alone until the next switch.
  defp wait_for_old_code(%{plan: nil}), do: :ok

  defp wait_for_old_code(%{plan: plan}) do
    with {:error, {module, pids}} <- OldCode.clear(Plan.touched(plan), Config.get(:old_code_timeout_ms)) do
      Logger.warning("Bloom: #{Words.processes(pids)} still run old code of #{inspect(module)} and are left alone")
    end
  end

  defp watching(context, deadline, watch) do
    check_at = min(deadline, now() + Config.get(:health_check_interval_ms))

    with {:ok, watch} <- listen(context, check_at, watch),
         :ok <- Proof.health() do
      if left(deadline) == 0, do: over(context, watch), else: watching(context, deadline, watch)
    end
  end

  defp listen(context, until, {:ok, _monitor} = watch) do
    case heard(watch, left(until)) do
      :nothing -> {:ok, watch}
      :lost -> listen(context, until, {:error, :lost})
      {:error, error} -> {:error, error}
    end
  end

  # The monitor may hang, or be restarted by its supervisor; it goes on from the baseline that was kept.
  defp listen(context, until, nobody) do
    with :nothing <- heard(nobody, min(left(until), @pause_ms)) do
      watch = start_monitor(context)
      if left(until) == 0, do: {:ok, watch}, else: listen(context, until, watch)
    end
  end

  # What was said while the last checks ran counts too.
  defp over(context, watch) do
    case heard(watch, 0) do
      :nothing -> with {:ok, _monitor} <- watch, do: {:ok, context}
      # What it had to say, it had said before.
      :lost -> over(context, watch)
      {:error, error} -> {:error, error}
    end
  end

  defp heard({:ok, {ref, monitor}}, timeout) do
    receive do
      {:bloom_safety, ^ref, {:unsafe, reasons}} -> {:error, unsafe(reasons)}
      :bloom_cancel -> {:error, cancelled()}
      {:DOWN, ^monitor, :process, _pid, _reason} -> :lost
    after
      timeout -> :nothing
    end
  end

  defp heard({:error, _nobody}, timeout) do
    receive do
      :bloom_cancel -> {:error, cancelled()}
    after
      timeout -> :nothing
    end
  end

  defp start_monitor(context) do
    with {:ok, ref} <- SafetyMonitor.start(version: context.version, baseline: context.facts[:baseline]),
         do: {:ok, {ref, Process.monitor(SafetyMonitor)}}
  end

  defp unsafe(reasons) do
    Error.new(:unsafe, Enum.join(reasons, "; "),
      suggestions: ["fix the release, or move the limit in its configuration"]
    )
  end

  defp cancelled, do: Error.new(:cancelled, "cancelled")

  defp left(deadline), do: max(deadline - now(), 0)
  defp now, do: System.monotonic_time(:millisecond)
end
