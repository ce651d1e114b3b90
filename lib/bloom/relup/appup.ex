defmodule Bloom.Relup.Appup do
  @moduledoc """
  The appups that a relup is made of, with the versions that the releases see.

  A hand-written `.appup` speaks of base versions and is translated; every other changed application gets
  one generated from the plan, by these rules:

    * a new module is added, a module that is gone is deleted;
    * a supervisor is updated as OTP wants supervisors updated;
    * a behaviour that exports `code_change` has its processes suspended and their state changed;
    * everything else is loaded.

  Each instruction names the changed modules that it calls, so that systools loads callees first.
  """

  alias Bloom.Plan

  @doc """
  Writes an `.app` and an `.appup` for every changed application below `dir`, one directory each.
  """
  @spec write_all(Path.t(), Plan.t(), :up | :down) :: :ok
  def write_all(dir, %Plan{} = plan, direction) do
    changed = Enum.filter(plan.applications, &(&1.change == :changed))
    generated = for app <- changed, app.appup == :generated, module <- app.modules, into: MapSet.new(), do: module.name

    Enum.each(changed, &write(dir, &1, plan, direction, generated))
  end

  defp write(dir, app, plan, direction, generated) do
    {older, newer} = versions(app, direction)
    ebin = Path.join([plan.root, "lib", "#{app.name}-#{newer}", "ebin"])
    target = Path.join(dir, app.name)
    File.mkdir_p!(target)
    File.cp!(Path.join(ebin, "#{app.name}.app"), Path.join(target, "#{app.name}.app"))

    {up, down} =
      case app.appup do
        {:hand_written, path} -> translate(path, Bloom.Release.Versions.base(older), older)
        _generated -> generate(app.modules, direction, generated)
      end

    term = {to_charlist(newer), [{to_charlist(older), up}], [{to_charlist(older), down}]}
    File.write!(Path.join(target, "#{app.name}.appup"), :io_lib.format("~tp.~n", [term]))
  end

  defp versions(app, :up), do: {app.from_version, app.to_version}
  defp versions(app, :down), do: {app.to_version, app.from_version}

  @doc """
  The instructions up and down for the module changes of an application.

  In a plan made for a downgrade the target is the older side, so what it adds is what the newer side lacks.
  """
  @spec generate([Plan.module_change()], :up | :down, MapSet.t(String.t())) :: {up :: [tuple()], down :: [tuple()]}
  def generate(modules, direction, known) do
    there = Enum.map(modules, &instruction(&1, &1.change, known))
    back = Enum.map(modules, &instruction(&1, inverse(&1.change), known))
    if direction == :up, do: {there, back}, else: {back, there}
  end

  defp inverse(:added), do: :removed
  defp inverse(:removed), do: :added
  defp inverse(:changed), do: :changed

  # Atoms are made here and not before: of modules that this node is about to load.
  defp instruction(%{name: name} = module, change, known) do
    atom = String.to_atom(name)
    depends_on = for name <- module.depends_on, name in known, do: String.to_atom(name)

    case {change, module.load} do
      {:added, _load} -> {:add_module, atom, depends_on}
      {:removed, _load} -> {:delete_module, atom}
      {:changed, :load} -> {:load_module, atom, :soft_purge, :soft_purge, depends_on}
      {:changed, :update} -> update(atom, :dynamic, depends_on)
      {:changed, :supervisor} -> update(atom, :static, depends_on)
    end
  end

  defp update(module, type, depends_on) do
    {:update, module, type, :default, {:advanced, []}, :soft_purge, :soft_purge, depends_on}
  end

  @doc """
  What hand-written appups hand to `code_change` on the way that a plan goes, by module.

      Bloom.Relup.Appup.extras(plan, :up)
      #=> %{MyApp.Cart => {:currency, :eur}}
  """
  @spec extras(Plan.t(), :up | :down) :: %{module() => term()}
  def extras(%Plan{applications: applications}, direction) do
    for %{change: :changed, appup: {:hand_written, path}} = app <- applications,
        {older, _newer} = versions(app, direction),
        {up, down} = translate(path, Bloom.Release.Versions.base(older), older),
        instruction <- if(direction == :up, do: up, else: down),
        is_tuple(instruction) and elem(instruction, 0) == :update,
        {:advanced, extra} <- Tuple.to_list(instruction),
        into: %{},
        do: {elem(instruction, 1), extra}
  end

  defp translate(path, older_base, older) do
    {:ok, [{_newer, up, down}]} = :file.consult(path)
    {entry(up, [older, older_base]), entry(down, [older, older_base])}
  end

  # Exact versions first, then regular expressions, which must match the whole version (appup(4)).
  defp entry(entries, versions) do
    Enum.find_value(entries, fn {version, instructions} -> matches?(version, versions) && instructions end) ||
      raise ArgumentError, "no appup entry for #{hd(versions)}"
  end

  defp matches?(version, versions) when is_list(version), do: to_string(version) in versions

  defp matches?(regex, versions) when is_binary(regex) do
    compiled = Regex.compile!("\\A(?:#{regex})\\z")
    Enum.any?(versions, &Regex.match?(compiled, &1))
  end
end
