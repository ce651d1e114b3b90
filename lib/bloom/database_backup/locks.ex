defmodule Bloom.DatabaseBackup.Locks do
  @moduledoc "What is being worked on in this node: databases and backups. A lock ends with the process that holds it."

  alias Bloom.Error

  @type key :: {:database | :backup, String.t()}

  @doc "Runs a function while it holds all the locks, or says which one somebody else holds."
  @spec hold([key()], (() -> answer)) :: answer | {:error, Error.t()} when answer: term()
  def hold([], fun), do: fun.()

  def hold([key | keys], fun) do
    if :global.set_lock(lock(key), [node()], 0) do
      try do
        hold(keys, fun)
      after
        :global.del_lock(lock(key), [node()])
      end
    else
      {:error, busy(key)}
    end
  end

  @doc "Whether nobody holds it."
  @spec free?(key()) :: boolean()
  def free?(key), do: hold([key], fn -> true end) == true

  defp lock(key), do: {{__MODULE__, key}, self()}

  defp busy({:database, repo}) do
    Error.new(:backup_busy, "the database of #{repo} is being backed up or restored by somebody else",
      suggestions: ["wait until that has ended, then try again"]
    )
  end

  defp busy({:backup, id}) do
    Error.new(:backup_busy, "the backup #{id} is in use by somebody else",
      suggestions: ["wait until that has ended, then try again"]
    )
  end
end
