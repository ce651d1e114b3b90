defmodule Bloom.Deployment.Switch do
  @moduledoc """
  Makes an installed release the running one, and takes it back when it does not prove itself.

  Everything that can be found out beside the node is found out first. The old release stays permanent until
  the new one is proven, so a crash in between boots the old one.
  """

  require Logger

  alias Bloom.{AppEnv, Config, Deployment, Error, HealthChecker, Plan, ReleaseHandler, Relup, Root, SysConfig}
  alias Bloom.Deployment.{Commit, OldCode, Preflight, Rehearse}

  @doc "Switches to an installed release."
  @spec run(Root.t(), String.t(), Deployment.control()) :: :ok | {:error, Error.t()}
  def run(%Root{} = root, target, %{report: report}) do
    with :ok <- installed(root, target),
         report.(:plan),
         {:ok, plan} <- Plan.make(root, target),
         :ok <- hot(plan),
         report.(:rehearse),
         {:ok, rehearsed} <- Rehearse.run(plan),
         report.(:switch),
         before = AppEnv.snapshot(),
         :ok <- upgrade(root, plan, rehearsed) do
      report.(:probation)
      prove_or_take_back(root, plan, rehearsed, before, report)
    end
  end

  defp installed(root, target) do
    cond do
      target == root.running ->
        {:error, Error.new(:already_running, "release #{target} is running already")}

      Enum.any?(ReleaseHandler.releases(), &(&1.version == target)) ->
        :ok

      true ->
        {:error, Error.from_release_handler({:no_such_release, target})}
    end
  end

  defp hot(%Plan{decision: :hot}), do: :ok

  defp hot(%Plan{decision: :restart} = plan) do
    {:error,
     Error.new(:restart_required, "release #{plan.target} needs a restart of the VM: #{Plan.explain(plan)}",
       suggestions: ["deploy this version with a restart; the running release is untouched"]
     )}
  end

  defp hot(%Plan{decision: :refuse} = plan) do
    {:error, Error.new(:refused, "release #{plan.target} cannot be used: #{Plan.explain(plan)}")}
  end

  # From here to the end of install_release the node changes; what is refused leaves it as it was.
  defp upgrade(root, plan, %{env: env, children: children}) do
    {written, put} = AppEnv.split(env)
    before = AppEnv.snapshot()

    with {:ok, _path} <- Relup.write(root.path, plan, children),
         :ok <- Preflight.run(plan),
         :ok <- clear_old_code(plan),
         :ok <- install(root, plan, written, before) do
      AppEnv.put(put)
      put_release_variables(plan.running, plan.target)
      :ok
    end
  end

  defp install(root, plan, env, before) do
    vsn = to_charlist(plan.target)
    handler = ReleaseHandler.impl()

    SysConfig.with_resolved(Root.release_path(root, plan.target), env, fn ->
      with {:ok, _from, _descr} <- handler.check_install_release(vsn),
           {:ok, _from, _descr} <- handler.install_release(vsn) do
        :ok
      else
        {:error, reason} ->
          AppEnv.restore(before)
          {:error, Error.from_release_handler(reason)}
      end
    end)
  end

  defp clear_old_code(plan) do
    case OldCode.clear(touched(plan), Config.get(:old_code_timeout_ms)) do
      :ok ->
        :ok

      {:error, {module, pids}} ->
        {:error,
         Error.new(
           :old_code_in_use,
           "#{inspect(pids)} still run code of #{inspect(module)} from before the last switch",
           suggestions: ["let them finish or stop them, then switch again"]
         )}
    end
  end

  defp touched(plan) do
    for name <- Plan.touched_modules(plan), do: String.to_atom(name)
  end

  # init:restart, heart and Mix's launcher take these from the environment of the VM.
  defp put_release_variables(from, to) do
    System.put_env("RELEASE_VSN", to)

    for name <- ~w(RELEASE_SYS_CONFIG RELEASE_VM_ARGS RELEASE_REMOTE_VM_ARGS), value = System.get_env(name) do
      System.put_env(name, String.replace(value, "/releases/#{from}/", "/releases/#{to}/"))
    end

    :ok
  end

  defp prove_or_take_back(root, plan, rehearsed, before, report) do
    case proof(plan, rehearsed.children) do
      :ok ->
        report.(:commit)
        wait_for_old_code(plan)
        Commit.run(root, plan.target)

      {:error, why} ->
        Logger.error("Bloom takes release #{plan.target} back: #{why}")
        report.(:take_back)
        take_back(root, plan, rehearsed, before, why)
    end
  end

  # Whatever goes wrong in here, the release has not proven itself.
  defp proof(plan, children) do
    prove(plan, children)
  catch
    kind, reason -> {:error, Exception.format_banner(kind, reason, __STACKTRACE__)}
  end

  defp prove(plan, children) do
    with [] <- Plan.unproven_modules(plan),
         :ok <- children_run(children),
         :ok <- HealthChecker.verdict() do
      :ok
    else
      [module | _] -> {:error, "#{inspect(module)} does not run the code of release #{plan.target}"}
      {:error, why} -> {:error, why}
    end
  end

  defp children_run(children) do
    Enum.find_value(children, :ok, fn %{module: module, added: ids} ->
      for(
        supervisor <- Bloom.Supervision.instances(module),
        {id, pid, _, _} <- :supervisor.which_children(supervisor),
        do: {id, pid}
      )
      |> Enum.find_value(fn {id, pid} ->
        if id in ids and pid == :undefined,
          do: {:error, "the new child #{inspect(id)} of #{inspect(module)} did not start"}
      end)
    end)
  end

  defp take_back(root, plan, rehearsed, before, why) do
    back = %{root | running: plan.target}
    flipped = for change <- rehearsed.children, do: %{change | added: change.removed, removed: change.added}

    with {:ok, plan_back} <- Plan.make(back, plan.running),
         :ok <- upgrade(back, plan_back, %{env: before.env, children: flipped}) do
      AppEnv.restore(before)

      {:error,
       Error.new(:taken_back, "release #{plan.target} was taken back, #{plan.running} runs: #{why}",
         suggestions: ["fix the release and install it again"]
       )}
    else
      {:error, error} ->
        {:error,
         Error.new(
           :take_back_failed,
           "release #{plan.target} failed (#{why}) and could not be taken back: #{error.message}",
           suggestions: ["restart the node: #{plan.running} is still permanent and boots"]
         )}
    end
  end

  defp wait_for_old_code(plan) do
    with {:error, {module, pids}} <- OldCode.clear(touched(plan), Config.get(:old_code_timeout_ms)) do
      Logger.warning(
        "#{inspect(pids)} still run old code of #{inspect(module)}; they are left alone until the next switch"
      )
    end
  end
end
