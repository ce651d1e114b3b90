defmodule Mix.Tasks.Bloom.ConfigTest do
  # Not async: the environment is the whole VM's.
  use ExUnit.Case, async: false

  alias Bloom.Test.TaskRun
  alias Mix.Tasks.Bloom.Config, as: Task

  defp put_option(option, value) do
    Application.put_env(:bloom, option, value)
    on_exit(fn -> Application.delete_env(:bloom, option) end)
  end

  defp said(args), do: TaskRun.run(Task, args)

  test "prints every option with its value and where that comes from" do
    put_option(:probation_ms, 1_234)
    assert {text, 0} = said([])
    for {option, _spec} <- Bloom.Config.schema(), do: assert(text =~ ~r/^#{option} /m)
    assert text =~ ~r/^probation_ms +1234 +application environment, at run time$/m
    assert text =~ ~r/^min_processes +10 +default$/m
  end

  test "for machines, as bin/bloom has it" do
    put_option(:probation_ms, 1_234)
    assert {text, 0} = said(["--json"])
    assert [json] = String.split(text, "\n", trim: true)

    assert json =~
             ~s("file":null,"line":null,"option":"probation_ms","problem":null,"source":"environment","value":1234)

    assert json =~ ~s("unread":[])
    assert json =~ ~r/"event":"result","exit_code":0,"ok":true}\z/
  end

  test "ends with 4 where something is wrong" do
    put_option(:require_authentication, true)
    assert {text, 4} = said([])
    assert text =~ "config :bloom, :require_authentication needs a :shared_secret"
    Application.delete_env(:bloom, :require_authentication)

    put_option(:probation, 1)
    assert {text, 4} = said([])
    assert text =~ "unknown option config :bloom, :probation, did you mean :probation_ms?\n"
    assert {text, 4} = said(["--json"])
    assert text =~ ~s("problem":"unknown option config :bloom, :probation, did you mean :probation_ms?")
  end

  test "fails with 2 where it is called otherwise" do
    assert {"--yaml is not an option; see mix help bloom.config\n", 2} = said(["--yaml"])
    assert {"expected no argument, got probation_ms; see mix help bloom.config\n", 2} = said(["probation_ms"])
  end

  test "shows its help" do
    assert {text, 0} = said(["--help"])
    assert text =~ "MIX_ENV=prod mix bloom.config"
  end
end
