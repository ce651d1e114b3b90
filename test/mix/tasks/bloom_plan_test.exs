defmodule Mix.Tasks.Bloom.PlanTest do
  # Alone, as it sets the shell of Mix.
  use ExUnit.Case

  alias Bloom.Test.TinyArchive
  alias Mix.Tasks.Bloom.Plan

  @moduletag :tmp_dir

  setup %{tmp_dir: dir} do
    shell = Mix.shell()
    Mix.shell(Mix.Shell.Process)
    on_exit(fn -> Mix.shell(shell) end)

    modules = [{"garden_beds", "count() -> 1."}]

    {:ok,
     old: TinyArchive.write(dir, "1.0.0", modules),
     hot: TinyArchive.write(dir, "1.1.0", []),
     restart: TinyArchive.write(dir, "1.2.0", modules, erts: "14.0"),
     refuse: TinyArchive.write(dir, "1.3.0", modules, rel_erts: "14.0")}
  end

  defp info do
    assert_received {:mix_shell, :info, [text]}
    text
  end

  test "says what would be", %{old: old, hot: hot, restart: restart, refuse: refuse} do
    # As mix runs it.
    Mix.Task.rerun("bloom.plan", [old, hot])
    assert info() =~ "garden 1.0.0 -> 1.1.0: hot, while the node runs\nChanges:\n"
    Plan.run([old, restart])
    assert info() =~ "with a restart of the node\nWhy:\n  the Erlang runtime changed from erts-13.1 to erts-14.0"
    Plan.run([old, refuse])
    assert info() =~ "garden 1.0.0 -> 1.3.0: refused\nWhy:\n"
  end

  test "in JSON for machines", context do
    Plan.run([context.old, context.restart, "--json"])
    text = info()
    assert text =~ ~S("decision":"restart")
    assert text =~ ~S("code":"erts_changed")
    refute text =~ "\n"
    refute text =~ "target_modules"
  end

  test "fails where the plan is not as required, and says what it is all the same", context do
    for {requirement, new, code} <- [
          {"hot", :hot, nil},
          {"hot", :restart, 4},
          {"hot", :refuse, 4},
          {"restart", :hot, nil},
          {"restart", :restart, nil},
          {"restart", :refuse, 4}
        ] do
      run = fn -> Plan.run([context.old, context[new], "--require", requirement]) end
      if code, do: assert(catch_exit(run.()) == {:shutdown, code}), else: run.()
      assert info() =~ "garden 1.0.0 -> "
    end
  end

  test "fails with 1 where there is no plan", %{old: old} do
    assert %Mix.Error{mix: 1, message: "there is no archive no.tar.gz: " <> _what_to_do} =
             catch_error(Plan.run([old, "no.tar.gz"]))
  end

  test "fails with 2 where it is called otherwise", %{old: old, hot: hot} do
    for {args, message} <- [
          {[old], "expected two archives, got 1; see mix help bloom.plan"},
          {[old, hot, old], "expected two archives, got 3; see mix help bloom.plan"},
          {[old, hot, "--requires", "hot"], "--requires is not an option, or lacks its value; see mix help bloom.plan"},
          {[old, hot, "--require"], "--require is not an option, or lacks its value; see mix help bloom.plan"},
          {[old, hot, "--require", "cold"], "--require expects hot or restart, got cold; see mix help bloom.plan"}
        ] do
      assert %Mix.Error{mix: 2, message: ^message} = catch_error(Plan.run(args))
    end
  end

  test "shows its help" do
    output = ExUnit.CaptureIO.capture_io(fn -> Plan.run(["--help"]) end)
    assert output =~ "--require hot"
  end
end
