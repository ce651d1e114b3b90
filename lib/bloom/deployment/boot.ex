defmodule Bloom.Deployment.Boot do
  @moduledoc "The start of the node, in which a deployment may still be under way."

  alias Bloom.Deployment

  @doc """
  Waits until every application has started.

  A start that waits for Bloom to settle what was left is let go on: what is left to do is for a node that runs. What
  hangs in it on a trial is ended by the boot guard.
  """
  @spec await_started() :: :ok
  def await_started do
    Deployment.settled()

    case :init.notify_when_started(self()) do
      :started -> :ok
      :ok -> receive(do: ({:init, :started} -> :ok))
    end
  end
end
