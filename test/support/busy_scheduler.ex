defmodule Bloom.Test.BusyScheduler do
  @moduledoc "A VM of its own with one scheduler, for what measures how long a new process waits for it."

  @busy_ms 200

  # Whoever makes a process wakes it by that, and as it goes first, the new one waits until it is done.
  @busy """
  now = fn -> System.monotonic_time(:microsecond) end
  work = fn work, until -> if now.() < until, do: work.(work, until) end

  busy = fn busy ->
    receive do
      {:trace, _maker, :spawn, _pid, _mfa} -> work.(work, now.() + 1000 * #{@busy_ms})
      _other -> :ok
    end

    busy.(busy)
  end

  busy = :erlang.spawn_opt(fn -> busy.(busy) end, priority: :high)
  :erlang.trace(self(), true, [:procs, {:tracer, busy}])
  """

  @doc "For how long, in milliseconds, the scheduler of `busy` has something else to do whenever a process is made."
  @spec busy_ms() :: pos_integer()
  def busy_ms, do: @busy_ms

  @doc "What an expression is while the scheduler is idle, and while it is busy."
  @spec compare(String.t()) :: {idle :: term(), busy :: term()}
  def compare(expression) do
    code = "measure = fn -> #{expression} end\nidle = measure.()\n#{@busy}\nIO.inspect({idle, measure.()})"
    args = ["--erl", "+S 1:1", "-pa", Application.app_dir(:bloom, "ebin"), "-e", code]
    {output, 0} = System.cmd("elixir", args, stderr_to_stdout: true)
    {compared, _binding} = Code.eval_string(output)
    compared
  end
end
