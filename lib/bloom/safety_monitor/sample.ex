defmodule Bloom.SafetyMonitor.Sample do
  @moduledoc "One look at the VM: how long a new process waits for a scheduler, memory, processes."

  alias Bloom.Native

  @typedoc "`memory` is nothing where the operating system does not tell."
  @type t :: %{
          at: non_neg_integer(),
          delay_ms: float(),
          memory: Native.memory() | nil,
          processes: pos_integer()
        }

  @doc "Takes a sample in a new process, which sends it as `{:sample, sample}`; none where no process can be made."
  @spec request(pid(), non_neg_integer()) :: :ok
  def request(to, second) do
    spawn(__MODULE__, :take, [to, second, now()])
    :ok
  rescue
    SystemLimitError -> :ok
  end

  @doc false
  def take(to, second, asked) do
    delay = (now() - asked) / 1000

    memory =
      case Native.memory() do
        {:ok, memory} -> memory
        {:error, _not_told} -> nil
      end

    processes = :erlang.system_info(:process_count)
    send(to, {:sample, %{at: second, delay_ms: delay, memory: memory, processes: processes}})
  end

  defp now, do: System.monotonic_time(:microsecond)
end
