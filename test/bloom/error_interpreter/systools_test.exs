defmodule Bloom.ErrorInterpreter.SystoolsTest do
  # What OTP's own systools answers to releases that are no good.
  use ExUnit.Case, async: true

  import Bloom.Test.Words

  alias Bloom.ErrorInterpreter

  @moduletag :tmp_dir

  @app ~s({application, g, [{description, ""}, {vsn, "VSN"}, {modules, [m]}, {registered, []}, {applications, []}]}.)

  setup %{tmp_dir: dir} do
    write(dir, "old.rel", rel(~c"1", [:kernel, :stdlib, :sasl], [{:g, ~c"1"}]))
    write(dir, "new.rel", rel(~c"2", [:kernel, :stdlib, :sasl], [{:g, ~c"2"}]))
    for vsn <- ["1", "2"], do: write(dir, "lib/g-#{vsn}/ebin/g.app", String.replace(@app, "VSN", vsn))
    :ok
  end

  for {file, content, why} <- [
        {nil, nil, "g.appup is missing"},
        {"lib/g-2/ebin/g.appup", ~s({"2", [{"0", []}], []}.), "g.appup has no way between version 1 and 2"},
        {"lib/g-2/ebin/g.appup", ~s({"2", [{"1", [{update, m), "g.appup is damaged"},
        {"lib/g-2/ebin/g.appup", "oops.", "g.appup does not hold what an .appup file holds"},
        {"lib/g-2/ebin/g.appup", ~s({"2", [{"1", [{dance, m}]}], [{"1", []}]}.),
         "an instruction is none that OTP knows (dance: m)"},
        {"lib/g-2/ebin/g.appup", ~s({"2", [{"1", [{load_module, x}]}], [{"1", []}]}.),
         "a module is named that no application has (x)"},
        {"lib/g-2/ebin/g.appup", ~s({"2", [{"1", [{load_module, m, [y]}]}], [{"1", []}]}.),
         "an instruction depends on a module that has none of its own (y)"},
        {"lib/g-2/ebin/g.app", ~s({application, g, [{vsn, "2"}]}.),
         "application g cannot be read: its .app file lacks description"},
        {"lib/g-2/ebin/g.app", "{application, g, [", "application g cannot be read: version 2 is wanted, and"},
        {"new.rel", "{release, {g, 1}}.", "the .rel file is damaged"},
        {"new.rel", "{rel", "new.rel is damaged in line 1"}
      ] do
    test "#{why}", %{tmp_dir: dir} do
      if unquote(file), do: write(dir, unquote(file), unquote(content))
      assert why(dir, "new") =~ unquote(why)
    end
  end

  test "what is not there", %{tmp_dir: dir} do
    assert why(dir, "none") =~ ~r/a file is missing \(.*none.rel\)/
    File.rm_rf!(Path.join(dir, "lib/g-2"))
    File.rm_rf!(Path.join(dir, "lib/g-1"))
    assert why(dir, "new") =~ "application g cannot be read: a file is missing (g.app)"
  end

  test "what each release needs", %{tmp_dir: dir} do
    write(dir, "new.rel", rel(~c"2", [:kernel, :stdlib], []))
    assert why(dir, "new") =~ "release 2 has no application sasl"
    write(dir, "new.rel", rel(~c"2", [:stdlib, :sasl], []))
    assert why(dir, "new") =~ "the .rel file lacks an application that each release needs (kernel)"
  end

  defp why(dir, new) do
    stem = &to_charlist(Path.join(dir, &1))
    opts = [:silent, :noexec, path: [stem.("lib/*/ebin")]]
    answer = :systools.make_relup(stem.(new), [stem.("old")], [stem.("old")], opts)
    assert {:error, _module, _reason} = answer
    assert_words(ErrorInterpreter.interpret(answer)).details.why
  end

  defp rel(vsn, apps, own) do
    apps = for app <- apps, Application.load(app), do: {app, Application.spec(app, :vsn)}
    :io_lib.format("~p.~n", [{:release, {~c"g", vsn}, {:erts, ~c"13"}, apps ++ own}]) |> IO.chardata_to_string()
  end

  defp write(dir, file, content) do
    path = Path.join(dir, file)
    File.mkdir_p!(Path.dirname(path))
    File.write!(path, content)
  end
end
