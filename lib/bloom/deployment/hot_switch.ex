defmodule Bloom.Deployment.HotSwitch do
  @moduledoc "Makes a release the running one while the node runs, by OTP's release handler, and takes it back the same way."

  require Logger

  alias Bloom.{AppEnv, Config, Error, ErrorInterpreter, Plan, ReleaseHandler, Relup, Root, SysConfig}
  alias Bloom.ErrorInterpreter.Words
  alias Bloom.Deployment.{Context, OldCode, Preflight, Rehearse, Status}

  # What refuses a switch and is over by itself.
  @passing [:busy_process, :old_code_in_use]
  @patience_ms 60_000
  @pause_ms 500

  @doc "Switches to the planned and rehearsed target. What is refused leaves the node as it was."
  @spec run(Context.t()) :: {:ok, Context.t()} | {:error, Error.t()}
  def run(%Context{plan: plan, rehearsed: rehearsed} = context) do
    before = AppEnv.snapshot()
    Status.remember(:before, before)
    Status.remember(:rehearsed, rehearsed)

    with :ok <- upgrade(context.root, plan, rehearsed, before), do: {:ok, %{context | before: before}}
  end

  @doc """
  Whether the node's processes let a plan through: those that it touches answer, and none is in old code.

  Changes nothing but to forget old code that nobody uses any more. Asked at the end of the rehearsal, so that what is
  refused has done nothing, and again right before the switch.
  """
  @spec ready(Plan.t()) :: :ok | {:error, Error.t()}
  def ready(%Plan{} = plan), do: with(:ok <- Preflight.run(plan), do: clear_old_code(plan))

  @doc """
  Switches back to the release that ran before.

  The environment and the children are what they were; where another process of this node had switched and nobody
  remembers, they are worked out anew. A process that is busy or in old code is waited for, up to a minute: on the way there
  it is a reason not to begin, but a bad release must not stay for it.
  """
  @spec back(Context.t()) :: :ok | {:error, Error.t()}
  def back(%Context{} = context), do: back(context, System.monotonic_time(:millisecond) + @patience_ms)

  defp back(context, deadline) do
    with {:error, %Error{code: code} = error} when code in @passing <- go_back(context) do
      if System.monotonic_time(:millisecond) < deadline do
        Logger.warning("Bloom: on the way back to release #{context.root.running}, waiting: #{error.message}")
        receive after: (@pause_ms -> back(context, deadline))
      else
        {:error, error}
      end
    end
  end

  defp go_back(%Context{root: root, version: version} = context) do
    now = %{root | running: version}

    with {:ok, plan} <- Plan.make(now, root.running),
         {:ok, rehearsed} <- remembered(context, plan),
         :ok <- upgrade(now, plan, rehearsed, AppEnv.snapshot()) do
      if context.before, do: AppEnv.restore(context.before)
      :ok
    end
  end

  @doc "Whether a process was killed on the way back when the release handler was done and the VM's environment was not."
  @spec half_back?(Context.t()) :: boolean()
  def half_back?(%Context{version: version}), do: System.get_env("RELEASE_VSN") == version

  @doc "Puts in order what a process left that was killed in a switch which did not happen, or on the way back."
  @spec settle(Context.t()) :: :ok
  def settle(%Context{root: root} = context) do
    if context.before, do: AppEnv.restore(context.before)
    if half_back?(context), do: System.put_env("RELEASE_VSN", root.running), else: :ok
  end

  defp remembered(%Context{before: %{env: env}, rehearsed: %{children: children}}, _plan) do
    flipped = for change <- children, do: %{change | added: change.removed, removed: change.added}
    {:ok, %{env: env, children: flipped}}
  end

  defp remembered(_nobody_knows, plan), do: Rehearse.run(plan)

  # From here to the end of install_release the node changes; what is refused leaves it as it was.
  defp upgrade(root, plan, %{env: env, children: children}, before) do
    {written, put} = AppEnv.split(env)

    with {:ok, _path} <- Relup.write(root.path, plan, children),
         :ok <- ready(plan),
         :ok <- install(root, plan, written, before) do
      AppEnv.put(put)
      # Which release runs. The variables that say what init:restart boots follow with the commit.
      System.put_env("RELEASE_VSN", plan.target)
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
          # A VM that is ending has nobody left to restore it, and would have this process wait.
          unless ReleaseHandler.vm_ending?(), do: AppEnv.restore(before)
          {:error, ErrorInterpreter.interpret(reason, {:release_handler, "OTP's release handler refused"})}
      end
    end)
  end

  defp clear_old_code(plan) do
    case OldCode.clear(Plan.touched(plan), Config.get(:old_code_timeout_ms)) do
      :ok ->
        :ok

      {:error, {module, pids}} ->
        {:error,
         Error.new(
           :old_code_in_use,
           "#{Words.processes(pids)} still run code of #{inspect(module)} from before the last switch",
           suggestions: ["let them finish or stop them, then switch again"]
         )}
    end
  end
end
