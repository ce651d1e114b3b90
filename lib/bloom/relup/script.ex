defmodule Bloom.Relup.Script do
  @moduledoc """
  Arranges the low-level instructions that systools made, and checks them.

  After the point of no return the order of both directions is

    1. children that the target does not know are stopped, while their code is still there;
    2. modules that are new to the node are loaded: nobody calls them yet;
    3. the consolidated protocols are swapped: their new implementations are there by now, and no process runs
       code yet that needs them;
    4. changed modules, as systools ordered them;
    5. modules that are gone are deleted;
    6. new children are started.

  Nothing is purged by force: a process in old code lives on, and the deployment waits for it.
  """

  alias Bloom.{Error, Plan}

  @known_instructions [
    :apply,
    :code_change,
    :load,
    :load_object_code,
    :point_of_no_return,
    :remove,
    :resume,
    :start,
    :stop,
    :suspend,
    :sync_nodes
  ]

  @doc "The relup of systools, arranged and checked."
  @spec arrange(tuple(), Plan.t(), Bloom.Relup.sides(), [map()]) :: {:ok, tuple()} | {:error, Error.t()}
  def arrange({newer, [{older, up_descr, up}], [{older, down_descr, down}]}, plan, sides, children) do
    children = if sides.direction == :up, do: children, else: Enum.map(children, &flip/1)
    protocols = Enum.map(plan.protocols, &String.to_atom/1)
    swap = fn from, to -> {:apply, {Bloom.Upgrade, :swap_protocols, [from, to, protocols]}} end
    {added, removed} = added_and_removed(plan, sides.direction)

    up = script(up, added, swap.(older, newer), children)
    down = script(down, removed, swap.(newer, older), Enum.map(children, &flip/1))
    relup = {newer, [{older, up_descr, up}], [{older, down_descr, down}]}

    with :ok <- check_versions(relup, sides),
         :ok <- check(up, plan),
         :ok <- check(down, plan) do
      {:ok, relup}
    end
  end

  defp flip(%{added: added, removed: removed} = change), do: %{change | added: removed, removed: added}

  defp added_and_removed(plan, direction) do
    names = fn wanted ->
      for app <- plan.applications, module <- app.modules, module.change == wanted, into: MapSet.new() do
        String.to_atom(module.name)
      end
    end

    if direction == :up, do: {names.(:added), names.(:removed)}, else: {names.(:removed), names.(:added)}
  end

  defp script(instructions, new, swap, children) do
    {before, [:point_of_no_return | rest]} = Enum.split_while(instructions, &(&1 != :point_of_no_return))
    rest = rest |> Enum.reject(&match?({:purge, _modules}, &1)) |> Enum.map(&soften/1)
    {loads, rest} = Enum.split_with(rest, &match_module?(&1, :load, new))
    {removes, rest} = Enum.split_with(rest, &match?({:remove, _}, &1))

    stops = for %{module: module, removed: [_ | _] = ids} <- children, do: call(:stop_children, module, ids)
    starts = for %{module: module, added: [_ | _] = ids} <- children, do: call(:start_children, module, ids)

    before ++ [:point_of_no_return] ++ stops ++ loads ++ [swap] ++ rest ++ removes ++ starts
  end

  defp soften({operation, {module, _pre, _post}}) when operation in [:load, :remove] do
    {operation, {module, :soft_purge, :soft_purge}}
  end

  defp soften(instruction), do: instruction

  defp match_module?({operation, {module, _pre, _post}}, operation, modules), do: module in modules
  defp match_module?(_instruction, _operation, _modules), do: false

  defp call(function, module, ids), do: {:apply, {Bloom.Upgrade, function, [module, ids]}}

  defp check_versions({newer, [{older, _, _}], [{older, _, _}]}, sides) do
    if to_string(newer) == sides.newer and to_string(older) == sides.older do
      :ok
    else
      invalid("it leads from #{older} to #{newer}, not from #{sides.older} to #{sides.newer}")
    end
  end

  # A module that nobody mentions would go on with its old code, unnoticed until the next restart.
  defp check(script, plan) do
    covered =
      for {operation, {module, _pre, _post}} <- script, operation in [:load, :remove], into: MapSet.new(), do: module

    wanted = for app <- plan.applications, %{name: name} <- app.modules, into: MapSet.new(), do: String.to_atom(name)
    missing = MapSet.difference(wanted, covered)

    cond do
      MapSet.size(missing) > 0 ->
        invalid("it does not load the changed module #{missing |> Enum.min() |> inspect()}")

      unknown = Enum.find(script, &(instruction_name(&1) not in @known_instructions)) ->
        invalid("it has the instruction #{instruction_name(unknown)}, which a hot upgrade cannot carry out")

      true ->
        check_suspended(script)
    end
  end

  defp check_suspended(script) do
    flat = fn name -> for {^name, modules} <- script, module <- modules, do: module_name(module) end

    case flat.(:suspend) -- flat.(:resume) do
      [] -> :ok
      [module | _] -> invalid("it suspends #{inspect(module)} and never resumes it")
    end
  end

  defp module_name({module, _timeout}), do: module
  defp module_name(module), do: module

  defp instruction_name(instruction) when is_tuple(instruction), do: elem(instruction, 0)
  defp instruction_name(instruction), do: instruction

  defp invalid(why), do: {:error, Error.invalid_relup(why)}
end
