defmodule Bloom.RPC.Follow do
  @moduledoc """
  Tells a process, on this node or another, how a deployment goes on.

  It is sent `{:bloom_follow, map}`, at once and whenever something has changed, at most five times a second:

    * `%{event: :progress, operation: _, version: _, stage: _, progress: _, elapsed_ms: _, probation_left_ms: _}` is
      `Bloom.status/0`; `progress` is `{done, total}` in bytes where there is something to count, else `nil`;
    * `%{event: :idle}`: no deployment is in progress;
    * `%{event: :ended}`: the deployment that was followed has ended. What came of it is in the history.

  The last two are the last. It ends with the process that it tells, too.
  """

  alias Bloom.Deployment

  @interval_ms 200

  # What changes all the time is told once a second.
  @second_ms 1000

  @doc """
  Starts to follow what is in progress and returns at once.

      Bloom.RPC.Follow.start(self())
      receive do
        {:bloom_follow, %{event: :progress, stage: stage}} -> stage
        {:bloom_follow, %{event: :idle}} -> nil
      end
  """
  @spec start(pid()) :: :ok
  def start(pid) when is_pid(pid) do
    spawn(fn ->
      # That of whoever called over RPC is on its node, and goes with it.
      Process.group_leader(self(), Process.whereis(:init))
      Process.monitor(pid)
      follow(pid, nil)
    end)

    :ok
  end

  # Called by its full name, so that it does not stay in old code when Bloom itself is upgraded.
  @doc false
  def follow(pid, told) do
    case {Deployment.status(), told} do
      {:idle, nil} -> tell(pid, %{event: :idle})
      {:idle, _told} -> tell(pid, %{event: :ended})
      {status, _told} -> progress(pid, status, told)
    end
  end

  defp progress(pid, status, told) do
    now = {Map.drop(status, [:elapsed_ms, :probation_left_ms]), seconds(status.probation_left_ms)}
    if now != told, do: tell(pid, Map.put(status, :event, :progress))

    receive do
      {:DOWN, _ref, :process, ^pid, _reason} -> :ok
    after
      @interval_ms -> __MODULE__.follow(pid, now)
    end
  end

  defp seconds(nil), do: nil
  defp seconds(ms), do: div(ms, @second_ms)

  defp tell(pid, event) do
    send(pid, {:bloom_follow, event})
    :ok
  end
end
