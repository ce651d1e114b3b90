defmodule Bloom.Relup.AppupTest do
  use ExUnit.Case, async: true

  alias Bloom.Plan
  alias Bloom.Relup.Appup

  defp module(name, change, load, depends_on \\ []) do
    %{name: Atom.to_string(name), change: change, load: load, depends_on: Enum.map(depends_on, &Atom.to_string/1)}
  end

  defp generate(modules, direction, known \\ []) do
    Appup.generate(modules, direction, MapSet.new(known, &Atom.to_string/1))
  end

  test "a new module is added and deleted again on the way back" do
    assert {[{:add_module, New, []}], [{:delete_module, New}]} = generate([module(New, :added, :load)], :up)
  end

  test "a module that is gone is deleted and added again on the way back" do
    assert {[{:delete_module, Gone}], [{:add_module, Gone, []}]} = generate([module(Gone, :removed, :load)], :up)
  end

  test "in a plan for a downgrade the target is the older side" do
    assert {[{:delete_module, Older}], [{:add_module, Older, []}]} = generate([module(Older, :added, :load)], :down)
  end

  test "plain code is loaded with soft purges" do
    expected = [{:load_module, Plain, :soft_purge, :soft_purge, []}]
    assert {^expected, ^expected} = generate([module(Plain, :changed, :load)], :up)
  end

  test "a process with state is suspended, and loses its new shape before the old code is loaded" do
    expected = [{:update, Server, :dynamic, :default, {:advanced, []}, :soft_purge, :soft_purge, []}]
    assert {^expected, ^expected} = generate([module(Server, :changed, :update)], :up)
  end

  test "a supervisor changes after its code is loaded, in both directions" do
    expected = [{:update, Sup, :static, :default, {:advanced, []}, :soft_purge, :soft_purge, []}]
    assert {^expected, ^expected} = generate([module(Sup, :changed, :supervisor)], :up)
  end

  test "callees are named, but for those that no instruction is about" do
    assert {[{:load_module, Caller, _, _, [Callee]}], _} =
             generate([module(Caller, :changed, :load, [Callee, Elsewhere])], :up, [Caller, Callee])
  end

  @tag :tmp_dir
  test "what an appup written by hand hands to code_change is known before", %{tmp_dir: dir} do
    path = Path.join(dir, "shop.appup")

    File.write!(path, """
    {"1.1.0",
     [{"1.0.0", [{update, cart, {advanced, {currency, eur}}},
                 {update, till, 5000, {advanced, up}, brutal_purge, brutal_purge, []},
                 {update, shelf}, {load_module, prices}]}],
     [{"1.0.0", [{update, cart, {advanced, none}}, restart_new_emulator]}]}.
    """)

    app = %{name: "shop", change: :changed, appup: {:hand_written, path}, modules: []}
    up = Map.merge(app, %{from_version: "1.0.0+d.1a2b3c4d5e6f", to_version: "1.1.0+d.2a2b3c4d5e6f"})
    down = Map.merge(app, %{from_version: "1.1.0+d.2a2b3c4d5e6f", to_version: "1.0.0+d.1a2b3c4d5e6f"})
    generated = %{up | name: "stock", appup: :generated}
    plan = %Plan{root: dir, name: "shop", running: "1", target: "2", decision: :hot, applications: [up, generated]}

    assert Appup.extras(plan, :up) == %{cart: {:currency, :eur}, till: :up}
    assert Appup.extras(%{plan | applications: [down]}, :down) == %{cart: :none}
  end
end
