defmodule Bloom.Deployment.Steps.Plan do
  @moduledoc "Compares what runs with the target; what cannot be whole is refused."

  use Bloom.Deployment.Step

  alias Bloom.Deployment.Context
  alias Bloom.{Error, Metadata, Plan, ReleaseHandler}

  @impl true
  def name, do: :plan

  @impl true
  def run(%Context{root: root, version: version} = context) do
    with :ok <- installed(context),
         {:ok, plan} <- Plan.make(root, version),
         :ok <- usable(plan),
         :ok <- Metadata.update_deployment(context.id, %{plan: Plan.to_map(plan)}) do
      {:ok, %{context | plan: plan}}
    end
  end

  # An installation plans before it registers: the plan reads a release's terms without making atoms of what turns
  # out not to be usable.
  defp installed(%{operation: :install}), do: :ok

  defp installed(%{root: root, version: version}) do
    cond do
      version == root.running ->
        {:error, Error.new(:already_running, "release #{version} is running already")}

      Enum.any?(ReleaseHandler.releases(), &(&1.version == version)) ->
        :ok

      true ->
        {:error, Error.release_not_found(version)}
    end
  end

  defp usable(%Plan{decision: :refuse} = plan) do
    {:error, Error.new(:refused, "release #{plan.target} cannot be used: #{Plan.explain(plan)}")}
  end

  defp usable(%Plan{}), do: :ok
end
