defmodule Bloom.Integration.NewUserTest do
  # From nothing to a hot upgrade and back, with a fresh project and the code blocks of README.md.
  use ExUnit.Case, async: true

  alias Bloom.Test.NewUser

  @moduletag :integration
  @moduletag timeout: 300_000

  setup do
    scratch = Path.join(System.tmp_dir!(), "bloom-new-user-#{System.pid()}")
    File.rm_rf!(scratch)
    File.mkdir_p!(scratch)
    on_exit(fn -> File.rm_rf!(scratch) end)
    {:ok, scratch: scratch}
  end

  test "the README leads a new user to a hot upgrade and back", %{scratch: scratch} do
    assert [
             {"elixir", deps},
             {"elixir", releases},
             {"sh", start},
             {"sh", upgrade},
             {"elixir", functions}
           ] = NewUser.blocks(File.read!("README.md"), ["Installation", "Quick start"])

    user = NewUser.new!(scratch)
    NewUser.edit!(user, deps)
    NewUser.edit!(user, releases)
    NewUser.sh!(user, start)
    pid = await_node(user, 100)
    on_exit(fn -> stop(user, pid) end)
    assert NewUser.rpc!(user, "MyApp.hello()") == ":world"

    NewUser.change!(user, "mix.exs", ~s(version: "0.1.0"), ~s(version: "0.2.0"))
    NewUser.change!(user, "lib/my_app.ex", "    :world\n", "    :moon\n")
    [build, deploy, rollback] = String.split(upgrade, "\n", trim: true)
    NewUser.sh!(user, build)
    assert NewUser.sh!(user, deploy) =~ "0.2.0"
    assert NewUser.rpc!(user, "MyApp.hello()") == ":moon"
    assert NewUser.sh!(user, rollback) =~ "0.1.0"
    assert NewUser.rpc!(user, "MyApp.hello()") == ":world"

    assert [_switch, _list, _rollback, _current] = examples = NewUser.examples(functions)
    expressions = Enum.map_join(examples, ", ", &elem(&1, 0))
    # Maps have no order to speak of.
    assert normal(NewUser.rpc!(user, "[#{expressions}]")) == normal("[#{Enum.map_join(examples, ", ", &elem(&1, 1))}]")

    assert NewUser.rpc!(user, "MyApp.hello()") == ":world"
    assert await_node(user, 1) == pid

    # The same way in a suite of the user's own, as the guide has it.
    guide = NewUser.blocks(File.read!("guides/testing-upgrades.md"), ["Does this release of mine become that one?"])
    {"elixir", test} = hd(guide)
    File.write!(Path.join(user.dir, "test/upgrade_test.exs"), test)
    assert NewUser.sh!(user, "mix test test/upgrade_test.exs") =~ "1 test, 0 failures"
  end

  defp normal(code), do: code |> Code.eval_string() |> elem(0)

  defp await_node(user, attempts) do
    String.trim(NewUser.sh!(user, "/opt/my_app/bin/my_app pid"))
  rescue
    error in RuntimeError -> if attempts > 1, do: await_node(user, attempts - 1), else: reraise(error, __STACKTRACE__)
  end

  # Its directory is removed after that.
  defp stop(user, pid) do
    NewUser.sh!(user, "/opt/my_app/bin/my_app stop; timeout 20 tail --pid=#{pid} -f /dev/null")
  end
end
