defmodule Mix.Tasks.Bloom.ConfigTest do
  # Not async: Mix's shell and the environment are the whole VM's.
  use ExUnit.Case, async: false

  alias Mix.Tasks.Bloom.Config, as: Task

  setup do
    shell = Mix.shell()
    Mix.shell(Mix.Shell.Process)
    on_exit(fn -> Mix.shell(shell) end)
  end

  defp put_option(option, value) do
    Application.put_env(:bloom, option, value)
    on_exit(fn -> Application.delete_env(:bloom, option) end)
  end

  defp said(lines \\ []) do
    receive do
      {:mix_shell, :info, [line]} -> said([line | lines])
    after
      0 -> Enum.reverse(lines)
    end
  end

  test "prints every option with its value and where that comes from" do
    put_option(:probation_ms, 1_234)
    Task.run([])
    lines = said()
    assert length(lines) == length(Bloom.Config.schema())
    assert Enum.find(lines, &(&1 =~ ~r/^probation_ms +1234 +application environment, at run time$/))
    assert Enum.find(lines, &(&1 =~ ~r/^min_processes +10 +default$/))
  end

  test "for machines" do
    put_option(:probation_ms, 1_234)
    Task.run(["--json"])
    assert [json] = said()

    assert json =~
             ~s({"file":null,"line":null,"option":"probation_ms","problem":null,"source":"environment","value":1234})

    assert json =~ ~s("unread":[])
  end

  test "ends with status 4 where something is wrong" do
    put_option(:probation, 1)
    assert catch_exit(Task.run([])) == {:shutdown, 4}
    assert_received {:mix_shell, :error, ["unknown option config :bloom, :probation, did you mean :probation_ms?"]}
  end

  test "fails with 2 where it is called otherwise" do
    for {args, message} <- [
          {["--yaml"], "--yaml is not an option; see mix help bloom.config"},
          {["probation_ms"], "expected no argument, got probation_ms; see mix help bloom.config"}
        ] do
      assert %Mix.Error{mix: 2, message: ^message} = catch_error(Task.run(args))
    end
  end

  test "shows its help" do
    assert ExUnit.CaptureIO.capture_io(fn -> Task.run(["--help"]) end) =~ "MIX_ENV=prod mix bloom.config"
  end
end
