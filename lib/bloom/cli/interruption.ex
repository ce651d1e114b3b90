defmodule Bloom.CLI.Interruption do
  @moduledoc """
  Has an interruption end a command, whatever it waits for.

  A command that watches a deployment takes it itself and says what goes on. Any other one, which waits for an answer of
  the node, is left where it is.
  """

  # How long a command may take to say what goes on.
  @grace_ms 1_000

  @doc """
  Runs `fun` in a process of its own, until it has ended or `:bloom_interrupted` has come and it does not end by itself.

      iex> Bloom.CLI.Interruption.run(fn -> :done end)
      {:ok, :done}
  """
  @spec run((() -> answer)) :: {:ok, answer} | :interrupted | :crashed when answer: term()
  def run(fun) do
    process = spawn_monitor(fn -> exit({:answer, fun.()}) end)
    await(process, :infinity)
  end

  defp await({pid, ref} = process, timeout) do
    receive do
      {:DOWN, ^ref, :process, ^pid, {:answer, answer}} -> {:ok, answer}
      {:DOWN, ^ref, :process, ^pid, _crash} -> :crashed
      :bloom_interrupted when timeout == :infinity -> tell(process)
      :bloom_interrupted -> :interrupted
    after
      timeout -> :interrupted
    end
  end

  defp tell({pid, _ref} = process) do
    send(pid, :bloom_interrupted)
    await(process, @grace_ms)
  end
end
