defmodule Ecto.Migration do
  @moduledoc "The part of Ecto's that is made of `execute/1` and `execute/2`."

  defmacro __using__(_opts) do
    quote do
      import Ecto.Migration

      def __migration__, do: [disable_ddl_transaction: false]
    end
  end

  def execute(sql), do: add({sql, nil})
  def execute(up, down), do: add({up, down})

  defp add(command), do: Process.put(__MODULE__, [command | Process.get(__MODULE__, [])])

  @doc false
  def commands(module, direction) do
    Process.put(__MODULE__, [])
    own? = function_exported?(module, direction, 0)
    apply(module, if(own?, do: direction, else: :change), [])
    commands = Process.delete(__MODULE__)

    if own? or direction == :up,
      do: Enum.reverse(for {up, _down} <- commands, do: up),
      else: for({up, down} <- commands, do: down || irreversible(up))
  end

  defp irreversible(sql) do
    raise Ecto.MigrationError,
          "cannot reverse migration command: execute #{inspect(sql)}. " <>
            "You will need to explicitly define up/0 and down/0 in your migration"
  end
end
