defmodule Bloom.Plan.Text do
  @moduledoc "A plan for people to read: the decision first, then why, what to know, and what changes."

  alias Bloom.Plan
  alias Bloom.Release.Versions

  @decisions %{
    hot: "hot, while the node runs",
    restart: "with a restart of the node",
    refuse: "refused"
  }

  @signs %{added: "+", changed: "~", removed: "-"}

  @doc """
  The lines of a plan, without line ends. Takes the plan itself or its map, as `Bloom.Plan.to_map/1` has it.

  Names in a plan come out of an archive: control characters are taken out, so that they do nothing to a terminal.

      iex> reason = %{code: "native_code", message: "NIF of a changed", application: "a", module: "NIF"}
      iex> modules = [%{name: "Elixir.A.New", change: :added, load: :load, depends_on: []}]
      iex> app = %{name: "a", kind: :own, change: :changed, from_version: "1.0.0", to_version: "1.1.0", appup: :generated}
      iex> plan = %{root: "/opt/a", name: "a", running: "1.0.0", target: "1.1.0", decision: :restart, reasons: [reason],
      ...>   warnings: [], applications: [Map.put(app, :modules, modules)], protocols: []}
      iex> Bloom.Plan.Text.lines(plan)
      ["a 1.0.0 -> 1.1.0: with a restart of the node", "Why:", "  NIF of a changed", "Changes:", "  ~ a 1.0.0 -> 1.1.0",
       "      + A.New"]
  """
  @spec lines(Plan.t() | map()) :: [String.t()]
  def lines(plan) do
    Enum.map(
      ["#{plan.name} #{plan.running} -> #{plan.target}: #{@decisions[plan.decision]}"] ++
        section("Why:", messages(plan.reasons)) ++
        section("Warnings:", messages(plan.warnings)) ++
        section("Changes:", changes(plan)),
      &printable/1
    )
  end

  defp section(_title, []), do: []
  defp section(title, lines), do: [title | Enum.map(lines, &("  " <> &1))]

  defp messages(reasons), do: Enum.map(reasons, & &1.message)

  defp changes(plan) do
    applications = for app <- plan.applications, app.change != :unchanged, line <- application(app, plan.root), do: line
    protocols = for name <- plan.protocols, do: "~ #{display(name)} (protocol)"
    applications ++ protocols
  end

  # All modules of an application that comes or goes do so, too.
  defp application(%{change: change} = app, _root) when change in [:added, :removed] do
    version = Versions.base(app.to_version || app.from_version)
    ["#{@signs[change]} #{app.name} #{version}, #{count(length(app.modules))}"]
  end

  defp application(app, root) do
    ["~ #{app.name} #{versions(app)}#{appup(app, root)}" | Enum.map(app.modules, &("    " <> module(&1)))]
  end

  defp versions(%{from_version: from, to_version: to}) do
    case {Versions.base(from), Versions.base(to)} do
      {same, same} -> same
      {from, to} -> "#{from} -> #{to}"
    end
  end

  defp appup(%{appup: {:hand_written, path}}, root), do: ", by #{Path.relative_to(path, root)}"
  defp appup(%{modules: []}, _root), do: ", no module"
  defp appup(_app, _root), do: ""

  defp module(%{change: change} = module), do: "#{@signs[change]} #{display(module.name)}#{load(module)}"

  defp load(%{change: :changed, load: :update}), do: ", state by code_change"
  defp load(%{change: :changed, load: :supervisor}), do: ", as a supervisor"
  defp load(_module), do: ""

  defp count(1), do: "1 module"
  defp count(modules), do: "#{modules} modules"

  # As Elixir writes it, without making an atom of it.
  defp display("Elixir." <> name), do: name
  defp display(name), do: ":" <> name

  defp printable(line), do: String.replace(line, ~r/[[:cntrl:]]/u, "?")
end
