defmodule Bloom.Deployment.OldCode do
  @moduledoc """
  Waits for processes to leave old code.

  The VM keeps two generations of a module. A process that is still in the older one, in a long request or
  holding one of its funs, must have left before a third comes; killing it, as OTP's brutal purge does, would
  drop what it does.
  """

  @interval_ms 20

  @doc """
  Purges the old code of these modules as processes leave it, for at most `timeout` milliseconds.

  `{:error, {module, [pid]}}` names the first module that is still in use and who uses it.
  """
  @spec clear([module()], non_neg_integer()) :: :ok | {:error, {module(), [pid()]}}
  def clear(modules, timeout) do
    wait(modules, System.monotonic_time(:millisecond) + timeout)
  end

  defp wait(modules, deadline) do
    case Enum.filter(modules, &(:erlang.check_old_code(&1) and not :code.soft_purge(&1))) do
      [] ->
        :ok

      [module | _] = left ->
        if System.monotonic_time(:millisecond) < deadline do
          receive after: (@interval_ms -> wait(left, deadline))
        else
          {:error, {module, users(module)}}
        end
    end
  end

  defp users(module), do: Enum.filter(Process.list(), &(:erlang.check_process_code(&1, module) == true))
end
