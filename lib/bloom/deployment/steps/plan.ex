defmodule Bloom.Deployment.Steps.Plan do
  @moduledoc "Compares what runs with the target; what cannot be whole is refused."

  use Bloom.Deployment.Step

  alias Bloom.Deployment.{Context, RestartSwitch}
  alias Bloom.{Error, Metadata, Plan, Validator}

  @impl true
  def name, do: :plan

  @impl true
  def run(%Context{root: root, version: version} = context) do
    with :ok <- known(context),
         {:ok, plan} <- Plan.make(root, version),
         :ok <- usable(plan),
         :ok <- affordable(context, plan),
         :ok <- Metadata.update_deployment(context.id, %{plan: Plan.to_map(plan)}),
         context = %{context | plan: plan},
         :ok <- ready(context) do
      {:ok, context}
    end
  end

  # An installation plans before it registers: the plan reads a release's terms without making atoms of what turns
  # out not to be usable.
  defp known(%{operation: :install, root: root, version: version}), do: Validator.validate_otp(root, version)

  # It ran before.
  defp known(%{operation: :rollback, root: root, version: version}), do: Validator.validate_installed(root, version)

  defp known(%{root: root, version: version}) do
    with :ok <- Validator.validate_installed(root, version), do: Validator.validate_otp(root, version)
  end

  defp affordable(%{operation: :install}, _plan), do: :ok
  defp affordable(%{operation: operation, opts: opts}, plan), do: Validator.validate_plan(operation, plan, opts)

  # What the switch itself would refuse, while no hook has run and no database was touched.
  defp ready(%{operation: :install}), do: :ok

  defp ready(context) do
    with :restart <- Context.wanted_mode(context), {:ok, _restarter} <- RestartSwitch.ready(context) do
      :ok
    else
      :hot -> :ok
      {:error, error} -> {:error, error}
    end
  end

  defp usable(%Plan{decision: :refuse} = plan) do
    {:error,
     Error.new(:refused, "release #{plan.target} cannot be used: #{Plan.explain(plan)}",
       suggestions: ["build it again without that, and give it a new version"]
     )}
  end

  defp usable(%Plan{}), do: :ok
end
