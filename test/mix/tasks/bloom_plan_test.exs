defmodule Mix.Tasks.Bloom.PlanTest do
  # Alone, as it captures standard error.
  use ExUnit.Case

  import ExUnit.CaptureIO

  alias Bloom.Test.{TaskRun, TinyArchive}
  alias Mix.Tasks.Bloom.Plan

  @moduletag :tmp_dir

  setup %{tmp_dir: dir} do
    modules = [{"garden_beds", "count() -> 1."}]

    {:ok,
     old: TinyArchive.write(dir, "1.0.0", modules),
     hot: TinyArchive.write(dir, "1.1.0", []),
     restart: TinyArchive.write(dir, "1.2.0", modules, erts: "14.0"),
     refuse: TinyArchive.write(dir, "1.3.0", modules, rel_erts: "14.0")}
  end

  defp said(args), do: TaskRun.run(Plan, args)

  test "says what would be", %{old: old, hot: hot, restart: restart, refuse: refuse} do
    # As mix runs it.
    assert capture_io(fn -> Mix.Task.rerun("bloom.plan", [old, hot]) end) =~
             "garden 1.0.0 -> 1.1.0: hot, while the node runs\nChanges:\n"

    assert {text, 0} = said([old, restart])
    assert text =~ "with a restart of the node\nWhy:\n  the Erlang runtime changed from erts-13.1 to erts-14.0"
    assert {text, 0} = said([old, refuse])
    assert text =~ "garden 1.0.0 -> 1.3.0: refused\nWhy:\n"
  end

  test "in JSON for machines, as bin/bloom has it", context do
    assert {text, 0} = said([context.old, context.restart, "--json"])
    assert text =~ ~S("decision":"restart")
    assert text =~ ~S("code":"erts_changed")
    assert text =~ ~r/"event":"result","exit_code":0,"ok":true}\n\z/
    refute text =~ "target_modules"
    assert {text, 4} = said([context.old, context.restart, "--json", "--require", "hot"])
    assert text =~ ~r/"event":"result","exit_code":4,"ok":false}\n\z/
    assert {~S({"command":"plan","data":{},"error":{"code":"archive_not_found",) <> _, 1} = said(["a", "b", "--json"])
  end

  test "fails where the plan is not as required, and says what it is all the same", context do
    for {requirement, new, code} <- [
          {"hot", :hot, 0},
          {"hot", :restart, 4},
          {"hot", :refuse, 4},
          {"restart", :hot, 0},
          {"restart", :restart, 0},
          {"restart", :refuse, 4}
        ] do
      assert {"garden 1.0.0 -> " <> text, ^code} = said([context.old, context[new], "--require", requirement])
      assert text =~ "It is required to be #{requirement}" or text =~ "It is required to be hot or with a" or code == 0
    end
  end

  test "fails with 1 where there is no plan", %{old: old} do
    errors = capture_io(:stderr, fn -> assert {"", 1} = said([old, "no.tar.gz"]) end)
    assert errors =~ "plan: there is no archive no.tar.gz\n  -> build it with `mix release`"
  end

  test "fails with 2 where it is called otherwise", %{old: old, hot: hot} do
    for {args, message} <- [
          {[old], "expected two archives, got 1"},
          {[old, hot, old], "expected two archives, got 3"},
          {[old, hot, "--requires", "hot"], "--requires is not an option, or lacks its value"},
          {[old, hot, "--require"], "--require is not an option, or lacks its value"},
          {[old, hot, "--require", "cold"], "--require expects hot or restart, got cold"}
        ] do
      assert said(args) == {message <> "; see mix help bloom.plan\n", 2}
    end
  end

  test "shows its help" do
    assert {text, 0} = said(["--help"])
    assert text =~ "--require hot"
  end

  test "the guide's own words do what the guide says", %{old: old, hot: hot, restart: restart} do
    guide = File.read!("guides/building-in-ci.md")
    [_line, words] = Regex.run(~r/^mix bloom\.plan (.+ --require hot)$/m, guide)
    [_old, _new | options] = String.split(words)
    assert {_text, 0} = said([old, hot | options])
    assert {_text, 4} = said([old, restart | options])

    codes = ~r/^\| \d \| .+ \|$/m |> Regex.scan(Mix.Task.moduledoc(Plan)) |> List.flatten()
    assert length(codes) == 4
    for row <- codes, do: assert(guide =~ row)
  end
end
