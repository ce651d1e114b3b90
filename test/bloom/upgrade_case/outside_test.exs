defmodule Bloom.UpgradeCase.OutsideTest do
  use ExUnit.Case, async: true

  alias Bloom.UpgradeCase.Outside

  doctest Outside

  @moduletag :tmp_dir

  # A release's launcher, as far as `eval` goes.
  defp launcher(dir, script, flags \\ "") do
    root = Path.join(dir, "root")
    File.mkdir_p!(root)
    program = Path.join(dir, "launcher")
    File.write!(program, "#!/bin/sh\n#{script}\n")
    File.chmod!(program, 0o755)
    %{program: program, root: root, env: [{"ERL_AFLAGS", flags}], restart: false}
  end

  defp eval, do: ~s(echo started; exec elixir -pa "#{Application.app_dir(:bloom, "ebin")}" -e "$2")

  test "a release is asked with the environment that it is about to get", %{tmp_dir: dir} do
    flags = "-bloom app_root '<<\"/elsewhere\">>' -bloom releases_dir '<<\"../archives\">>'"
    assert Outside.ask(launcher(dir, eval(), flags), dir) == {:ok, app_root: "/elsewhere", releases_dir: "../archives"}
  end

  test "one that stays inside is asked once", %{tmp_dir: dir} do
    asked = "echo >>#{dir}/asked; " <> eval()
    flags = "-bloom app_root '<<\"#{dir}/root\">>'"
    for _test <- 1..2, do: assert({:ok, []} = Outside.ask(launcher(dir, asked, flags), dir))
    assert File.read!(Path.join(dir, "asked")) == "\n"
  end

  test "what it prints where it cannot say is answered", %{tmp_dir: dir} do
    assert Outside.ask(launcher(dir, "echo no luck; exit 1"), dir) == {:error, "no luck\n"}
  end
end
