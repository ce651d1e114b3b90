defmodule Bloom.Deployment.Steps.Switch do
  @moduledoc """
  Makes the target the running release: while the node runs, or by a restart into a trial of it.

  Either way the old release stays permanent, so a crash from here on boots the old one.
  """

  use Bloom.Deployment.Step

  alias Bloom.Deployment.{Context, HotSwitch, RestartSwitch}
  alias Bloom.{Metadata, Plan, ReleaseHandler, SafetyMonitor, SysConfig, TrialBoot}

  @impl true
  def name, do: :switch

  @impl true
  def run(%Context{} = context) do
    mode = Context.wanted_mode(context)

    with :ok <- Metadata.update_deployment(context.id, %{mode: mode}),
         {:ok, context} <- Context.keep_facts(context, %{mode: mode, baseline: SafetyMonitor.baseline()}) do
      if mode == :hot, do: hot(context), else: RestartSwitch.run(context)
    end
  end

  # This process would be the one that keeps Bloom's old code in use, and so in the way of a switch back.
  defp hot(%{plan: plan} = context) do
    with {:ok, context} <- HotSwitch.run(context) do
      if Plan.changes?(plan, :bloom),
        do: {:handover, Context.put_facts(context, %{handover: true})},
        else: {:ok, context}
    end
  end

  @impl true
  def happened?(%Context{root: root} = context) do
    running?(context) or Enum.any?(release_dirs(context), &SysConfig.lent?/1) or TrialBoot.state(root.path) != :none or
      HotSwitch.half_back?(context)
  end

  @impl true
  def undo(%Context{root: root} = context) do
    Enum.each(release_dirs(context), &SysConfig.restore/1)

    cond do
      not running?(context) -> HotSwitch.settle(context) && TrialBoot.disarm(root.path)
      Context.mode(context) == :restart -> RestartSwitch.back(context)
      true -> HotSwitch.back(context)
    end
  end

  @doc "Whether the target is what runs."
  @spec running?(Context.t()) :: boolean()
  def running?(%Context{version: version}), do: match?({:ok, %{version: ^version}}, ReleaseHandler.running())

  # Of the switch, and of the way back.
  defp release_dirs(%{root: root, version: version}) do
    for release <- [version, root.running], do: Path.join([root.path, "releases", release])
  end
end
