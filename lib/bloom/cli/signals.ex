defmodule Bloom.CLI.Signals do
  @moduledoc """
  Has the VM tell a process of an interruption instead of stopping.

  The script that starts the client turns Ctrl-C into the signal TERM, as a VM can catch that one. The process is sent
  `:bloom_interrupted`.
  """

  @behaviour :gen_event

  @doc "Sends the interruptions of this VM to a process, from now on."
  @spec to(pid()) :: :ok
  def to(pid) do
    :ok = :gen_event.swap_handler(:erl_signal_server, {:erl_signal_handler, []}, {__MODULE__, pid})
    :os.set_signal(:sigterm, :handle)
  end

  @impl true
  def init({pid, _old}), do: {:ok, pid}

  @impl true
  def handle_event(:sigterm, pid) do
    send(pid, :bloom_interrupted)
    {:ok, pid}
  end

  def handle_event(_other, pid), do: {:ok, pid}

  @impl true
  def handle_call(_request, pid), do: {:ok, :ok, pid}
end
