defmodule Bloom.Deployment.Steps.Rehearse do
  @moduledoc "Tries the switch in a VM beside the node; see `Bloom.Deployment.Rehearse`."

  use Bloom.Deployment.Step

  alias Bloom.Deployment.Rehearse

  @impl true
  def name, do: :rehearse

  @impl true
  def run(%{plan: plan, opts: opts} = context) do
    if plan.decision == :restart or opts[:mode] == :restart do
      with :ok <- Rehearse.boot(plan), do: {:ok, context}
    else
      with {:ok, rehearsed} <- Rehearse.run(plan), do: {:ok, %{context | rehearsed: rehearsed}}
    end
  end
end
