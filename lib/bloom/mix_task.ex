defmodule Bloom.MixTask do
  @moduledoc "What the `mix bloom.*` tasks have in common: help, and ends with an exit code that means something."

  # Mix is there when a release is built and nowhere else.
  @compile {:no_warn_undefined, [Mix, Mix.Tasks.Help]}

  alias Bloom.Error

  @doc """
  Whether help is asked for.

      iex> Bloom.MixTask.help?(["1.2.0", "--help"])
      true
      iex> Bloom.MixTask.help?(["1.2.0"])
      false
  """
  @spec help?([String.t()]) :: boolean()
  def help?(args), do: Enum.any?(args, &(&1 in ["-h", "--help"]))

  @doc "Shows what `mix help TASK` shows."
  @spec help(String.t()) :: :ok
  def help(task) do
    Mix.Tasks.Help.run([task])
    :ok
  end

  @doc "Ends a task that was called in a way it is not to be called."
  @spec usage(String.t(), String.t()) :: no_return()
  def usage(task, message), do: Mix.raise("#{message}; see mix help #{task}", exit_status: 2)

  @doc "Ends a task that could not do what it was to do."
  @spec fail(Error.t()) :: no_return()
  def fail(error), do: Mix.raise(Error.to_message(error), exit_status: 1)
end
