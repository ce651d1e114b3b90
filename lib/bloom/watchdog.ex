defmodule Bloom.Watchdog do
  @moduledoc """
  Has heart watch the node while a release is on probation, where heart runs.

  heart asks `alive/0` before each heartbeat. A node that hangs does not answer, and after `HEART_BEAT_TIMEOUT` seconds
  heart kills the VM and starts it again: on the old release, which is still the permanent one.
  """

  @doc "Has heart ask."
  @spec start() :: :ok
  def start, do: if(Process.whereis(:heart), do: :heart.set_callback(__MODULE__, :alive), else: :ok)

  @doc "Has heart not ask any more."
  @spec stop() :: :ok
  def stop, do: if(Process.whereis(:heart), do: :heart.clear_callback(), else: :ok)

  @doc "Answers `:ok` as soon as a new process runs and the deployment's server answers; not at all where they do not."
  @spec alive() :: :ok
  def alive do
    {_pid, ref} = spawn_monitor(fn -> Bloom.Deployment.await_responsive() end)
    receive(do: ({:DOWN, ^ref, :process, _pid, _reason} -> :ok))
  end
end
