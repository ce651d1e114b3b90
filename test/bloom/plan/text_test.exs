defmodule Bloom.Plan.TextTest do
  use ExUnit.Case, async: true

  alias Bloom.Plan.Text

  doctest Text

  @plan %{
    root: "/opt/garden",
    name: "garden",
    running: "1.0.0",
    target: "1.1.0",
    decision: :hot,
    reasons: [],
    warnings: [],
    applications: [],
    protocols: []
  }

  defp app(name, change, fields) do
    Map.merge(
      %{
        name: name,
        kind: :own,
        change: change,
        from_version: "0.1.0+d.1a2b3c4d5e6f",
        to_version: "0.1.0+d.665544332211",
        appup: :generated,
        modules: []
      },
      Map.new(fields)
    )
  end

  defp module(name, change, load \\ :load), do: %{name: name, change: change, load: load, depends_on: []}

  test "a hot plan says what changes and how, and nothing of what stays" do
    modules = [
      module("Elixir.Garden.Beds", :changed, :update),
      module("Elixir.Garden.Beds.Supervisor", :changed, :supervisor),
      module("Elixir.Garden.New", :added, :update),
      module("garden_old", :removed)
    ]

    applications = [
      app("kernel", :unchanged, from_version: "8.5", to_version: "8.5"),
      app("garden", :changed, modules: modules),
      app("bees", :added, from_version: nil, modules: [module("Elixir.Bees", :added)]),
      app("wasps", :removed, to_version: nil),
      app("moved", :changed, from_version: "1.0.0", to_version: "1.0.1+d.665544332211"),
      app("own", :changed, appup: {:hand_written, "/opt/garden/lib/own-0.1.0/ebin/own.appup"})
    ]

    assert Text.lines(%{@plan | applications: applications, protocols: ["Elixir.Enumerable"]}) == [
             "garden 1.0.0 -> 1.1.0: hot, while the node runs",
             "Changes:",
             "  ~ garden 0.1.0",
             "      ~ Garden.Beds, state by code_change",
             "      ~ Garden.Beds.Supervisor, as a supervisor",
             "      + Garden.New",
             "      - :garden_old",
             "  + bees 0.1.0, 1 module",
             "  - wasps 0.1.0, 0 modules",
             "  ~ moved 1.0.0 -> 1.0.1, no module",
             "  ~ own 0.1.0, by lib/own-0.1.0/ebin/own.appup",
             "  ~ Enumerable (protocol)"
           ]
  end

  test "a plan that refuses says why, and what to know besides" do
    why = %{code: "duplicate_module", message: "A is in both", application: nil, module: nil}
    warning = %{code: "identical", message: "the same code", application: nil, module: nil}

    assert Text.lines(%{@plan | decision: :refuse, reasons: [why], warnings: [warning]}) == [
             "garden 1.0.0 -> 1.1.0: refused",
             "Why:",
             "  A is in both",
             "Warnings:",
             "  the same code"
           ]
  end

  test "names out of an archive do nothing to a terminal" do
    modules = [module("Elixir.A\e[2J\n\u009Bx", :added)]
    lines = Text.lines(%{@plan | applications: [app("garden", :changed, modules: modules)]})
    assert List.last(lines) == "      + A?[2J??x"
  end

  test "a plan itself is as good as its map" do
    plan = struct!(Bloom.Plan, @plan)
    assert Text.lines(plan) == Text.lines(Bloom.Plan.to_map(plan))
  end
end
