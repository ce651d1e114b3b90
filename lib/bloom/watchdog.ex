defmodule Bloom.Watchdog do
  @moduledoc """
  Has heart watch the node while a release is on probation, where heart runs.

  heart asks `alive/0` before each heartbeat. A node that hangs does not answer, and after `HEART_BEAT_TIMEOUT` seconds
  heart kills the VM and starts it again: on the old release, which is still the permanent one. A callback that heart
  had before is asked as well, and is heart's own again afterwards.
  """

  @own {__MODULE__, :alive}

  @doc "Has heart ask."
  @spec start() :: :ok
  def start do
    case callback() do
      :no_heart ->
        :ok

      {:ok, @own} ->
        :ok

      before ->
        :persistent_term.put(__MODULE__, before)
        set(@own)
    end
  end

  @doc "Has heart not ask any more."
  @spec stop() :: :ok
  def stop do
    case {callback(), before()} do
      {{:ok, @own}, {:ok, callback}} -> set(callback)
      {{:ok, @own}, :none} -> :heart.clear_callback()
      _not_asking -> :ok
    end
  end

  @doc """
  Answers as soon as a new process runs and the deployment's server answers; not at all where they do not.

  The answer is `:ok`, or that of the callback that heart had before.
  """
  @spec alive() :: term()
  def alive do
    {_pid, ref} = spawn_monitor(fn -> Bloom.Deployment.await_responsive() end)
    receive(do: ({:DOWN, ^ref, :process, _pid, _reason} -> :ok))
    with {:ok, {module, function}} <- before(), do: apply(module, function, []), else: (:none -> :ok)
  end

  defp callback, do: if(Process.whereis(:heart), do: :heart.get_callback(), else: :no_heart)
  defp before, do: :persistent_term.get(__MODULE__, :none)
  defp set({module, function}), do: :heart.set_callback(module, function)
end
