defmodule Bloom.Integration.MixTasksTest do
  # The Mix tasks of a developer's machine, with the bin/bloom of a real release. ssh is a stand-in: there is no sshd here.
  use Bloom.Test.ReleaseCase, async: false

  alias Bloom.Plan
  alias Bloom.Test.{FakeSSH, Garden}

  @moduletag env: [{"GARDEN_PROBATION_MS", "300"}]

  # The words and the exit code of a task that runs in a VM of its own, as from a shell.
  defp mix(node, task, args) do
    {output, code} =
      System.cmd("mix", [task | args],
        env: [{"MIX_ENV", to_string(Mix.env())}, {"GARDEN_NODE", to_string(node.node)}],
        stderr_to_stdout: true
      )

    {code, output}
  end

  test "a release is planned, brought to a server, deployed and rolled back", %{node: node, root: root} do
    before = FakeSSH.install(root <> "-ssh")

    on_exit(fn ->
      System.put_env("PATH", before)
      File.rm_rf!(root <> "-ssh")
    end)

    here = ["--target", root]
    there = ["--target", "me@server:#{root}"]
    archives = Garden.archives(["1.0.0", "1.1.0"])

    assert {0, planned} = mix(node, "bloom.plan", [archives["1.0.0"], archives["1.1.0"], "--require", "hot"])

    assert {0, output} = mix(node, "bloom.deploy", ["1.1.0", "--archive", archives["1.1.0"], "--mode", "hot" | there])
    assert output =~ ~r"\Abringing garden-1.1.0.tar.gz \(.+ MB\) to me@server\ngarden-1.1.0.tar.gz is there\n"
    assert output =~ ~r/\n1.1.0 runs and is committed\n\z/
    assert File.read!(Path.join(root, "releases/garden-1.1.0.tar.gz")) == File.read!(archives["1.1.0"])
    assert Node.get(node, "/version") == "1.1.0"

    assert {0, output} = mix(node, "bloom.status", ["--json" | there])
    assert output =~ ~s("release":{"name":"garden","status":"permanent","version":"1.1.0"})
    assert {0, "ok    " <> _checks} = mix(node, "bloom.health_check", here)

    assert {0, output} = mix(node, "bloom.rollback", here)
    assert output =~ ~r/\n1.0.0 runs and is committed\n\z/

    # What the build has said is what the node says.
    {:ok, plan} = Node.rpc(node, Bloom.ReleaseManager, :plan_release, ["1.1.0"])
    assert planned == Enum.map_join(Plan.Text.lines(plan), &(&1 <> "\n"))

    :ok = Node.stop(node)
    assert {3, "status: node garden-" <> _does_not_answer} = mix(node, "bloom.status", there)
  end
end
