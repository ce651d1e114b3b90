defmodule Bloom.OSProcess do
  @moduledoc "Processes of the operating system."

  @doc """
  Whether there is a process of that number which this user may signal.

      iex> Bloom.OSProcess.alive?(System.pid())
      true
      iex> Bloom.OSProcess.alive?("999999999")
      false
  """
  @spec alive?(String.t()) :: boolean()
  def alive?(pid), do: match?({_output, 0}, System.cmd("/bin/sh", ["-c", "kill -0 \"$0\" 2>/dev/null", pid]))
end
