defmodule Mix.Tasks.Bloom.RemoteTasksTest do
  # Alone, as it changes the environment.
  use ExUnit.Case

  import ExUnit.CaptureIO

  alias Bloom.Test.{FakeBloom, FakeSSH, TaskRun, TinyArchive}
  alias Mix.Tasks.Bloom

  @moduletag :tmp_dir

  @tasks [
    {Bloom.Backup, "backup"},
    {Bloom.Cancel, "cancel"},
    {Bloom.Follow, "follow"},
    {Bloom.HealthCheck, "health-check"},
    {Bloom.History, "history"},
    {Bloom.Releases, "releases"},
    {Bloom.Remove, "remove"},
    {Bloom.Rollback, "rollback"},
    {Bloom.Status, "status"}
  ]

  setup %{tmp_dir: dir} do
    path = FakeSSH.install(Path.join(dir, "path"))

    on_exit(fn ->
      System.put_env("PATH", path)
      System.delete_env("BLOOM_TARGET")
    end)

    root = Path.join(dir, "it's; there")
    FakeBloom.install(root)
    {:ok, root: root}
  end

  test "each runs its command of bin/bloom, and ends as that does", %{root: root} do
    for {task, command} <- @tasks do
      assert TaskRun.run(task, ["--json", "--target", root, "1.2.0"]) == {"", 4}
      assert {[^command, "--json", "1.2.0"], _environment} = FakeBloom.called(root)
      assert TaskRun.run(task, ["--target=me@server:#{root}"]) == {"", 4}
      assert {[^command], _environment} = FakeBloom.called(root)
    end
  end

  test "each has help that says how it is called", %{root: root} do
    for {task, _command} <- [{Bloom.Deploy, "deploy"} | @tasks] do
      assert {text, 0} = TaskRun.run(task, ["--target", root, "--help"])
      assert text =~ "#{Mix.Task.task_name(task)} "
      assert text =~ "--target"
      assert Mix.Task.shortdoc(task)
    end

    refute File.exists?(Path.join(root, "bin/called"))
  end

  test "each is in the guide" do
    guide = File.read!("guides/the-command-line.md")
    for {task, _command} <- [{Bloom.Deploy, "deploy"} | @tasks], do: assert(guide =~ Mix.Task.task_name(task))
  end

  test "the environment may name the server, and the option goes before it", %{root: root} do
    System.put_env("BLOOM_TARGET", root)
    assert TaskRun.run(Bloom.Status, []) == {"", 4}
    assert {["status"], _environment} = FakeBloom.called(root)
    assert TaskRun.run(Bloom.Status, ["--target", root <> "/none"]) == {"", 1}
  end

  test "without a server that can be, it is called wrongly" do
    assert {"name the server by --target user@host:/opt/my_app, or by BLOOM_TARGET; see mix help bloom.status\n", 2} =
             TaskRun.run(Bloom.Status, [])

    assert {"--target lacks its value; see mix help bloom.status\n", 2} = TaskRun.run(Bloom.Status, ["--target"])

    assert {"expected a target like user@host:/opt/my_app or /opt/my_app, got -oProxyCommand=id:/opt;" <> _see, 2} =
             TaskRun.run(Bloom.Deploy, ["1.2.0", "--target", "-oProxyCommand=id:/opt"])
  end

  test "a server that ssh does not get to gives no answer" do
    assert TaskRun.run(Bloom.Status, ["--target", "nowhere:/opt"]) == {"", 3}
  end

  describe "deploy" do
    setup %{tmp_dir: dir}, do: {:ok, archive: TinyArchive.write(dir, "1.2.0", [])}

    test "on this machine leaves the copying to bin/bloom", %{root: root, archive: archive} do
      assert TaskRun.run(Bloom.Deploy, ["1.2.0", "--mode", "hot", "--archive", archive, "--target", root]) == {"", 4}
      assert {["deploy", "1.2.0", "--archive", ^archive, "--mode", "hot"], _environment} = FakeBloom.called(root)
    end

    test "brings the archive to another one first, under the release's name", %{root: root, archive: archive} do
      renamed = Path.join(Path.dirname(archive), "build-77.tar.gz")
      File.rename!(archive, renamed)
      there = Path.join(root, "releases/garden-1.2.0.tar.gz")
      args = ["--archive", renamed, "--target", "me@server:#{root}", "--no-wait", "1.2.0"]

      assert {text, 4} = TaskRun.run(Bloom.Deploy, args)
      assert text =~ ~r"\Abringing garden-1.2.0.tar.gz \([\d.]+ MB\) to me@server\ngarden-1.2.0.tar.gz is there\n\z"
      assert {["deploy", "1.2.0", "--archive", ^there, "--no-wait"], _environment} = FakeBloom.called(root)
      assert File.read!(there) == File.read!(renamed)

      assert {text, 4} = TaskRun.run(Bloom.Deploy, args)
      assert text =~ "garden-1.2.0.tar.gz was there already"
    end

    test "says in JSON what it brings", %{root: root, archive: archive} do
      assert {text, 4} =
               TaskRun.run(Bloom.Deploy, ["1.2.0", "--json", "--archive", archive, "--target", "me@server:#{root}"])

      assert [first | _others] = String.split(text, "\n", trim: true)
      assert first =~ ~r/"event":"progress","operation":"deploy","probation_left_ms":null,"progress":\[0,\d+\]/
      assert first =~ ~S("stage":"upload","version":"1.2.0")
    end

    test "brings nothing that is not what it is to be", %{root: root, archive: archive} do
      damaged = Path.join(Path.dirname(archive), "damaged.tar.gz")
      File.write!(damaged, binary_part(File.read!(archive), 0, 500))

      for {version, archive, words} <- [
            {"1.2.0", damaged, "the archive is damaged or incomplete"},
            {"1.3.0", archive, "1.2.0"},
            {"1.2.0", "no.tar.gz", "there is no archive no.tar.gz\n  -> build it with MIX_ENV=prod mix release"}
          ] do
        errors =
          capture_io(:stderr, fn ->
            assert {"", 1} = TaskRun.run(Bloom.Deploy, [version, "--archive", archive, "--target", "me@server:#{root}"])
          end)

        assert errors =~ "deploy: "
        assert errors =~ words
      end

      assert File.ls!(Path.join(root, "releases")) == []
      refute File.exists?(Path.join(root, "bin/called"))
    end

    test "looks for what was built for production", %{root: root} do
      errors = capture_io(:stderr, fn -> assert {"", 1} = TaskRun.run(Bloom.Deploy, ["9.9.9", "--target", root]) end)
      assert errors =~ "/prod/bloom-9.9.9.tar.gz"

      errors =
        capture_io(:stderr, fn ->
          assert {"", 1} = TaskRun.run(Bloom.Deploy, ["9.9.9", "--release", "garden", "--target", root])
        end)

      assert errors =~ "/prod/garden-9.9.9.tar.gz"
    end

    test "needs a version", %{root: root} do
      assert TaskRun.run(Bloom.Deploy, ["abc", "--target", root]) ==
               {"name the version to deploy, like 1.2.0; see mix help bloom.deploy\n", 2}
    end
  end
end
