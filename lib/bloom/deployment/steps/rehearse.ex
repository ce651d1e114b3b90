defmodule Bloom.Deployment.Steps.Rehearse do
  @moduledoc "Tries the switch in a VM beside the node; see `Bloom.Deployment.Rehearse`."

  use Bloom.Deployment.Step

  alias Bloom.Deployment.{Context, HotSwitch, Rehearse}
  alias Bloom.Relup

  @impl true
  def name, do: :rehearse

  @impl true
  def run(%Context{plan: plan} = context) do
    case Context.wanted_mode(context) do
      :restart -> with :ok <- Rehearse.boot(plan), do: {:ok, context}
      :hot -> with {:ok, rehearsed} <- hot(plan), do: {:ok, %{context | rehearsed: rehearsed}}
    end
  end

  # What the switch itself would refuse is found here, before a hook has run or a database was touched.
  defp hot(plan) do
    with {:ok, rehearsed} <- Rehearse.run(plan),
         {:ok, _relup} <- Relup.make(plan.root, plan, rehearsed.children),
         :ok <- HotSwitch.ready(plan),
         do: {:ok, rehearsed}
  end
end
