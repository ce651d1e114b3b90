defmodule Bloom.Deployment.Proof do
  @moduledoc "Proves that the node runs a release, and runs it well: its code, its new children, its critical health checks."

  alias Bloom.Deployment.Context
  alias Bloom.{Error, HealthChecker, Plan, Supervision}
  alias Bloom.ErrorInterpreter.Words

  @doc "All of it."
  @spec run(Context.t()) :: :ok | {:error, Error.t()}
  def run(%Context{root: root, version: version} = context) do
    with {:ok, plan} <- plan(context, %{root | running: version}),
         [] <- Plan.unproven_modules(plan),
         :ok <- children_run(context.rehearsed) do
      health()
    else
      [module | _] -> not_proven("#{inspect(module)} does not run the code of release #{version}")
      {:error, error} -> {:error, error}
    end
  end

  @doc "The critical health checks alone."
  @spec health() :: :ok | {:error, Error.t()}
  def health, do: with({:error, why} <- HealthChecker.verdict(), do: not_proven(why))

  # A trial was planned by another VM.
  defp plan(%{plan: nil, version: version}, root), do: Plan.make(root, version)
  defp plan(%{plan: plan}, _root), do: {:ok, plan}

  defp children_run(nil), do: :ok

  defp children_run(%{children: children}) do
    Enum.find_value(children, :ok, fn %{module: module, added: ids} ->
      for(
        supervisor <- Supervision.instances(module),
        {id, pid, _, _} <- :supervisor.which_children(supervisor),
        do: {id, pid}
      )
      |> Enum.find_value(fn {id, pid} ->
        if id in ids and pid == :undefined,
          do: not_proven("the new child #{Words.of(id)} of #{inspect(module)} did not start")
      end)
    end)
  end

  defp not_proven(why), do: {:error, Error.new(:not_proven, why, suggestions: ["fix the release and install it again"])}
end
