defmodule Bloom.Deployment.RestartSwitch do
  @moduledoc """
  Makes a release the running one by a restart of the VM: a trial boot, once.

  The trial is armed in a file that the boot guard of `env.sh` uses up before the VM starts, so whatever ends the
  trial before it is committed is followed by the old release, which is still the permanent one.
  """

  require Logger

  alias Bloom.Deployment.{Context, Status}
  alias Bloom.{Config, Deployment, Error, Metadata, Restarter, Root, TrialBoot}

  @doc "Arms the trial and ends this VM; `Bloom.Deployment.Recovery` goes on in the next one."
  @spec run(Context.t()) :: {:restarting, Context.t()} | {:error, Error.t()}
  def run(%Context{root: root, version: version} = context) do
    with {:ok, restarter} <- ready(context),
         {:ok, context} <- Context.keep_facts(context, %{restarter: restarter}),
         # From here on no cancel is let in, and one that was is known when the server has answered.
         :ok <- Status.stage(:restarting),
         :ok <- Deployment.await_responsive(),
         :ok <- TrialBoot.arm(root.path, version, div(Config.get(:trial_timeout_ms) + 999, 1000)),
         :ok <- not_cancelled(root) do
      Logger.notice("Bloom restarts the node for a trial of release #{version}")
      Restarter.restart(restarter)
      {:restarting, context}
    end
  end

  defp not_cancelled(root) do
    if Status.cancelled?() do
      :ok = TrialBoot.disarm(root.path)
      {:error, Error.new(:cancelled, "cancelled; nothing was changed")}
    else
      :ok
    end
  end

  @doc """
  What would start the node again, or why the release is not to be had by a restart.

  Only looks. Asked when the deployment is planned, so that what is refused has done nothing, and again right before the
  switch.
  """
  @spec ready(Context.t()) :: {:ok, Restarter.t()} | {:error, Error.t()}
  def ready(%Context{root: root} = context) do
    with :ok <- allowed(context),
         :ok <- not_failed_before(context),
         {:ok, restarter} <- restarter(context),
         :ok <- TrialBoot.ready(root.path),
         do: {:ok, restarter}
  end

  @doc """
  Ends the trial: the next boot is that of the permanent release.

  By what started the trial, whatever the release on trial is configured to say of that. Where nothing is known, a trial that
  is not confirmed yet stays so, and the boot guard's watchdog ends it.
  """
  @spec back(Context.t()) :: :restarting | {:error, Error.t()}
  def back(%Context{root: root, version: version} = context) do
    with {:ok, restarter} <- started_by(context),
         :ok <- TrialBoot.disarm(root.path) do
      Logger.error("Bloom restarts the node: release #{version} did not pass its trial")
      Restarter.restart(restarter)
      :restarting
    end
  end

  defp started_by(%{facts: %{restarter: restarter}}), do: {:ok, restarter}
  defp started_by(_context), do: Restarter.detect()

  defp restarter(%{plan: plan, root: root, version: version}) do
    with {:ok, restarter} <- Restarter.detect(),
         :ok <- Restarter.follows(restarter, Root.release_path(root, root.running), Root.release_path(root, version)) do
      {:ok, restarter}
    else
      {:error, error} ->
        why = if plan.reasons == [], do: "", else: " (#{Bloom.Plan.explain(plan)})"
        {:error, %{error | message: "release #{plan.target} needs a restart of the VM#{why}, and #{error.message}"}}
    end
  end

  defp allowed(%{opts: opts, plan: plan}) do
    if opts[:mode] == :hot do
      {:error,
       Error.new(
         :restart_required,
         "release #{plan.target} needs a restart of the VM: #{Bloom.Plan.explain(plan)}",
         suggestions: ["switch without mode: :hot; the running release is untouched"]
       )}
    else
      :ok
    end
  end

  defp not_failed_before(%{opts: opts, version: version}) do
    with false <- Keyword.get(opts, :force, false),
         {:ok, %{at: at, reason: reason}} <- Metadata.failed_trial(version) do
      {:error,
       Error.new(
         :failed_trial,
         "release #{version} did not pass its trial of #{DateTime.truncate(at, :second)}: #{reason}",
         suggestions: ["fix it and give it another version, or switch with force: true"]
       )}
    else
      {:error, error} -> {:error, error}
      _forced_or_never_failed -> :ok
    end
  end
end
