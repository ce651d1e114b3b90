defmodule Bloom.Deployment.Step do
  @moduledoc """
  One step of a deployment.

  `Bloom.Deployment.Walk` writes to the journal before a step starts and after it has ended. When a later step fails,
  the steps before it are undone in reverse, and so is the failed one where it says that it happened.
  """

  alias Bloom.Deployment.Context
  alias Bloom.Error

  @doc "The step's name in the journal, in `Bloom.status/0` and in logs."
  @callback name() :: atom()

  @doc "Whether there is anything to do for this deployment; a step that is not needed is not in the journal either."
  @callback needed?(Context.t()) :: boolean()

  @doc """
  Does the step. `{:restarting, context}` says that it goes on in the next life of the VM, which is about to end;
  `{:handover, context}` that it is done, and that the next step is for a process that runs Bloom's new code only;
  `{:incomplete, error}`, of the decisive step, that it has taken effect and is to be done again for the rest of it.
  """
  @callback run(Context.t()) ::
              {:ok, Context.t()}
              | {:restarting, Context.t()}
              | {:handover, Context.t()}
              | {:incomplete, Error.t()}
              | {:error, Error.t()}

  @doc """
  Whether there is something to undo, told from the node and its files alone: asked after a failure, and after a crash,
  when nobody knows how far the step came.
  """
  @callback happened?(Context.t()) :: boolean()

  @doc """
  Undoes the step, also when it was left half-way, or undone half-way. `{:ok, context}` where the history has to know
  something of it.
  """
  @callback undo(Context.t()) :: :ok | {:ok, Context.t()} | :restarting | {:error, Error.t()}

  @doc "`use Bloom.Deployment.Step` makes a step that every deployment needs and that changes nothing outside of the walk."
  defmacro __using__(_opts) do
    quote do
      @behaviour Bloom.Deployment.Step

      @impl true
      def needed?(_context), do: true

      @impl true
      def happened?(_context), do: false

      @impl true
      def undo(_context), do: :ok

      defoverridable needed?: 1, happened?: 1, undo: 1
    end
  end
end
