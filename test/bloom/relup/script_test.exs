defmodule Bloom.Relup.ScriptTest do
  use ExUnit.Case, async: true

  alias Bloom.{Error, Plan}
  alias Bloom.Relup.Script

  @sides %{older: "1.0.0", newer: "1.1.0", direction: :up}

  defp plan(modules, opts \\ []) do
    modules =
      for {name, change} <- modules do
        %{name: Atom.to_string(name), change: change, load: :load, depends_on: []}
      end

    app = %{name: "garden", kind: :own, change: :changed, appup: :generated, modules: modules}

    %Plan{
      root: "/",
      name: "garden",
      running: "1.0.0",
      target: "1.1.0",
      decision: :hot,
      applications: [app],
      protocols: opts[:protocols] || []
    }
  end

  defp load(module), do: {:load, {module, :brutal_purge, :brutal_purge}}
  defp remove(module), do: {:remove, {module, :brutal_purge, :brutal_purge}}

  defp relup(up, down) do
    {~c"1.1.0", [{~c"1.0.0", [], [:point_of_no_return | up]}], [{~c"1.0.0", [], [:point_of_no_return | down]}]}
  end

  defp arrange(up, down, plan, children \\ []) do
    with {:ok, {_newer, [{_, _, up}], [{_, _, down}]}} <- Script.arrange(relup(up, down), plan, @sides, children) do
      {up, down}
    end
  end

  test "purges nothing by force" do
    {up, down} = arrange([load(A), {:purge, [A]}], [load(A)], plan([{A, :changed}]))
    assert {:load, {A, :soft_purge, :soft_purge}} in up
    assert {:load, {A, :soft_purge, :soft_purge}} in down
    refute Enum.any?(up, &match?({:purge, _}, &1))
  end

  test "loads new modules, then swaps protocols, then changes code" do
    plan = plan([{Old, :changed}, {New, :added}], protocols: ["Elixir.Proto"])
    {up, down} = arrange([load(Old), load(New)], [remove(New), load(Old)], plan)

    assert [
             :point_of_no_return,
             {:load, {New, _, _}},
             {:apply, {Bloom.Upgrade, :swap_protocols, [~c"1.0.0", ~c"1.1.0", [Proto]]}},
             {:load, {Old, _, _}}
           ] = up

    assert [
             :point_of_no_return,
             {:apply, {Bloom.Upgrade, :swap_protocols, [~c"1.1.0", ~c"1.0.0", [Proto]]}},
             {:load, {Old, _, _}},
             {:remove, {New, _, _}}
           ] = down
  end

  test "stops removed children first and starts new ones last, the other way round on the way back" do
    children = [%{module: Sup, added: [:new], removed: [:gone]}]
    {up, down} = arrange([load(Sup)], [load(Sup)], plan([{Sup, :changed}]), children)

    assert [_, {:apply, {_, :stop_children, [Sup, [:gone]]}} | _] = up
    assert {:apply, {Bloom.Upgrade, :start_children, [Sup, [:new]]}} = List.last(up)
    assert [_, {:apply, {_, :stop_children, [Sup, [:new]]}} | _] = down
    assert {:apply, {Bloom.Upgrade, :start_children, [Sup, [:gone]]}} = List.last(down)
  end

  test "refuses a script that misses a changed module, in either direction" do
    plan = plan([{A, :changed}, {B, :changed}])
    assert {:error, %Error{code: :invalid_relup, details: %{why: why}}} = arrange([load(A)], [load(A), load(B)], plan)
    assert why =~ "B"
    assert {:error, %Error{code: :invalid_relup}} = arrange([load(A), load(B)], [load(A)], plan)
  end

  test "refuses other versions than those of the switch" do
    {_, up, down} = relup([], [])
    assert {:error, %Error{code: :invalid_relup}} = Script.arrange({~c"2.0.0", up, down}, plan([]), @sides, [])
  end

  test "refuses instructions that restart the VM or that OTP does not know" do
    assert {:error, %Error{details: %{why: why}}} = arrange([:restart_emulator], [], plan([]))
    assert why =~ "restart_emulator"
    assert {:error, %Error{}} = arrange([{:dance, []}], [], plan([]))
  end

  test "refuses a script that leaves a process suspended" do
    assert {:error, %Error{details: %{why: why}}} =
             arrange([{:suspend, [A]}, load(A)], [load(A)], plan([{A, :changed}]))

    assert why =~ "never resumes"
  end
end
