defmodule Bloom.Test.TaskRun do
  @moduledoc "Runs a Mix task in this VM."

  import ExUnit.CaptureIO

  @doc "What it says, and the exit code that it ends with."
  @spec run(module(), [String.t()]) :: {String.t(), non_neg_integer()}
  def run(task, args) do
    {code, output} = with_io(fn -> code(task, args) end)
    {output, code}
  end

  defp code(task, args) do
    task.run(args)
    0
  rescue
    error in Mix.Error ->
      IO.puts(error.message)
      error.mix
  catch
    :exit, {:shutdown, code} -> code
  end
end
