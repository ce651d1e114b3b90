defmodule Bloom.Deployment.Rehearse do
  @moduledoc """
  Finds out beside the node what would hurt inside it.

  Both releases answer in VMs of their own: the target resolves its configuration and loads its modules, both
  say which children their supervisors want, and the newer side's `code_change` is tried on copies of live
  state. A switch that goes wrong after OTP's point of no return costs a restart of the VM; here it costs
  nothing.
  """

  require Logger

  alias Bloom.{AppEnv, Config, Error, Plan, Relup, Supervision, TargetVM, Validator}
  alias Bloom.ErrorInterpreter.Words
  alias Bloom.Relup.Appup

  @type rehearsed :: %{env: AppEnv.env(), children: [map()]}

  # Copies per module, and the largest process whose state is copied.
  @max_states 50
  @max_bytes 64 * 1024 * 1024

  @doc "Rehearses a plan. The answer is what the switch needs: the target's environment and the children's changes."
  @spec run(Plan.t()) :: {:ok, rehearsed()} | {:error, Error.t()}
  def run(%Plan{} = plan) do
    direction = Relup.sides(plan.running, plan.target).direction

    with {:ok, entries} <- walk(),
         calls = supervisor_calls(plan, entries),
         changes = %{code_change: code_changes(plan, entries, direction)},
         running = %{config: true, children: calls},
         target = Map.put(boot_question(plan), :children, calls),
         {running, target} =
           if(direction == :up, do: {running, Map.merge(target, changes)}, else: {Map.merge(running, changes), target}),
         {:ok, running, target} <- ask_both(plan, running, target),
         :ok <- check_boot(plan, target),
         :ok <- check_code_change(plan, Map.get(running, :code_change, []) ++ Map.get(target, :code_change, [])),
         {:ok, children} <- compare_children(plan, running.children, target.children) do
      live = AppEnv.snapshot().env
      {:ok, %{env: AppEnv.merge(running.config, target.config, live), children: children}}
    end
  end

  @doc "Rehearses a boot of the target: its configuration resolves, its modules load. No state lives through a restart."
  @spec boot(Plan.t()) :: :ok | {:error, Error.t()}
  def boot(%Plan{} = plan) do
    with {:ok, target} <- TargetVM.ask(plan.root, plan.target, boot_question(plan)), do: check_boot(plan, target)
  end

  defp boot_question(plan), do: %{config: true, problems: true, load: loadable(plan)}

  defp check_boot(plan, target) do
    with :ok <- Validator.Target.check(plan.target, target), do: check_loaded(plan, target)
  end

  # One after the other: two VMs that boot at once take a small machine's cores from those who serve.
  defp ask_both(plan, running, target) do
    with {:ok, target} <- TargetVM.ask(plan.root, plan.target, target),
         {:ok, running} <- TargetVM.ask(plan.root, plan.running, running) do
      {:ok, running, target}
    end
  end

  defp walk do
    case Supervision.walk(Config.get(:busy_timeout_ms)) do
      {:ok, entries} -> {:ok, entries}
      {:error, {:busy, entry}} -> {:error, Error.busy(Supervision.describe(entry), Config.get(:busy_timeout_ms))}
    end
  end

  defp loadable(plan) do
    for app <- plan.applications, module <- app.modules, module.change != :removed, do: String.to_atom(module.name)
  end

  defp check_loaded(_plan, %{load: []}), do: :ok

  defp check_loaded(plan, %{load: [{module, reason} | _]}) do
    {:error,
     Error.new(
       :module_does_not_load,
       "module #{inspect(module)} of release #{plan.target} cannot be loaded: #{Words.of(reason)}",
       suggestions: ["fix the module (its @on_load function, most likely) and build the release again"]
     )}
  end

  # Supervisors of the project's own applications, the unchanged too: what they call may have changed.
  defp supervisor_calls(plan, entries) do
    own = for %{kind: :own, change: change} = app <- plan.applications, change in [:unchanged, :changed], do: app
    apps = for app <- own, do: String.to_existing_atom(app.name)
    gone = for app <- own, %{change: :removed, name: name} <- app.modules, do: name

    for %{type: :supervisor, pid: pid} <- entries,
        module = Supervision.callback(pid),
        Atom.to_string(module) not in gone and Application.get_application(module) in apps,
        {:ok, args} <- [Supervision.init_argument(pid, Config.get(:busy_timeout_ms))],
        uniq: true,
        do: {module, args}
  end

  defp compare_children(plan, running, target) do
    changed = Plan.changed_modules(plan, :supervisor)

    Enum.zip_reduce(running, target, {:ok, []}, fn
      {{module, _args}, old}, {_call, new}, {:ok, changes} -> compare(module, old, new, module in changed, changes)
      _running, _target, error -> error
    end)
  end

  defp compare(module, {:ok, old}, {:ok, new}, changed?, changes) do
    change = %{module: module, added: new -- old, removed: old -- new}

    cond do
      change.added == [] and change.removed == [] -> {:ok, changes}
      changed? -> {:ok, [change | changes]}
      true -> {:error, needs_restart(module, "wants other children now, though its own code is the same")}
    end
  end

  defp compare(module, {:error, text}, _new, _changed?, _changes), do: {:error, silent_about_children(module, text)}
  defp compare(module, _old, {:error, text}, _changed?, _changes), do: {:error, silent_about_children(module, text)}

  defp silent_about_children(module, text), do: needs_restart(module, "cannot say which children it wants: #{text}")

  defp needs_restart(module, why) do
    Error.new(:restart_required, "the supervisor #{inspect(module)} #{why}; the release needs a restart of the VM",
      suggestions: ["deploy this version with a restart"]
    )
  end

  defp code_changes(plan, entries, direction) do
    if Config.get(:rehearsal) do
      extras = Appup.extras(plan, direction)

      for module <- Plan.changed_modules(plan, :update) do
        {module, vsn(plan, module, direction), Map.get(extras, module, []), states(module, entries)}
      end
    else
      []
    end
  end

  # What release_handler_1 hands to code_change: the version left, marked on the way down.
  defp vsn(_plan, module, :up), do: unwrap(module.module_info(:attributes)[:vsn])

  defp vsn(plan, module, :down) do
    app = Enum.find(plan.applications, fn app -> Enum.any?(app.modules, &(&1.name == Atom.to_string(module))) end)
    file = Path.join([plan.root, "lib", "#{app.name}-#{app.to_version}", "ebin", "#{module}.beam"])
    {:ok, {^module, vsn}} = :beam_lib.version(to_charlist(file))
    {:down, unwrap(vsn)}
  end

  defp unwrap([vsn]), do: vsn
  defp unwrap(vsn), do: vsn

  defp states(module, entries) do
    entries
    |> Stream.filter(&(is_list(&1.modules) and module in &1.modules and small?(&1.pid)))
    |> Enum.take(@max_states)
    |> Enum.flat_map(&state/1)
  end

  defp small?(pid) do
    match?({:memory, bytes} when bytes <= @max_bytes, Process.info(pid, :memory))
  end

  defp state(%{pid: pid}) do
    [:sys.get_state(pid, Config.get(:busy_timeout_ms))]
  catch
    # Gone, or busy: the preflight names the busy ones.
    :exit, _reason -> []
  end

  defp check_code_change(_plan, []), do: :ok

  defp check_code_change(plan, [{module, text} | _]) do
    {:error,
     Error.new(:code_change_failed, "code_change of #{inspect(module)} failed on a copy of live state: #{text}",
       suggestions: ["fix code_change and build release #{plan.target} again; nothing was changed"]
     )}
  end
end
