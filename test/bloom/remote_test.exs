defmodule Bloom.RemoteTest do
  # Alone, as it changes PATH.
  use ExUnit.Case

  alias Bloom.Remote
  alias Bloom.Remote.Target
  alias Bloom.Test.{FakeBloom, FakeSSH}

  @moduletag :tmp_dir

  doctest Remote

  setup %{tmp_dir: dir} do
    before = FakeSSH.install(Path.join(dir, "path"))
    on_exit(fn -> System.put_env("PATH", before) end)
    root = Path.join(dir, "it's $HOME & more=1")
    FakeBloom.install(root)
    {:ok, root: root, path: Path.join(dir, "path")}
  end

  test "bin/bloom gets its words and gives its exit code, here and there", %{root: root, path: path} do
    words = ["deploy", "1.2.3", "a b", "$(touch #{root}/hacked)", "'; id", "*"]

    for host <- [nil, "me@server"] do
      assert Remote.run(%Target{host: host, root: root}, words) == 4
      assert FakeBloom.called(root) == {words, "secret= terminal= mix="}
    end

    assert ["-o", "BatchMode=yes", "--", "me@server" | _text] = FakeSSH.called(path)
    refute File.exists?(Path.join(root, "hacked"))
  end

  test "the secret gets there, and into no list of processes", %{root: root, path: path} do
    System.put_env("BLOOM_SECRET", "s3cret $x")
    on_exit(fn -> System.delete_env("BLOOM_SECRET") end)

    for host <- [nil, "me@server"] do
      Remote.run(%Target{host: host, root: root}, ["status"])
      assert FakeBloom.called(root) == {["status"], "secret=s3cret $x terminal= mix="}
    end

    refute Enum.join(FakeSSH.called(path)) =~ "s3cret"
  end

  test "that there is a terminal here is said to the other side", %{root: root} do
    before = Application.get_env(:elixir, :ansi_enabled)
    Application.put_env(:elixir, :ansi_enabled, true)
    on_exit(fn -> Application.put_env(:elixir, :ansi_enabled, before) end)
    Remote.run(%Target{host: "me@server", root: root}, ["status"])
    assert FakeBloom.called(root) == {["status"], "secret= terminal=yes mix="}
  end

  test "no way there is no answer, and no bin/bloom a failure", %{tmp_dir: dir} do
    # What is said goes to this VM's own output, so this is another one's.
    code = """
    alias Bloom.Remote
    IO.puts(Remote.run(%Remote.Target{host: "nowhere", root: "/opt"}, ["status"]))
    IO.puts(Remote.run(%Remote.Target{host: "me@server", root: "#{dir}/no"}, ["status"]))
    IO.puts(Remote.run(%Remote.Target{root: "#{dir}/no"}, ["status"]))
    """

    ebin = Application.app_dir(:bloom, "ebin")
    {output, 0} = System.cmd("elixir", ["-pa", ebin, "-e", code], stderr_to_stdout: true)
    missing = "there is no #{dir}/no/bin/bloom: deploy a release that was built with Bloom.Release.prepare there first"

    # What the programs say and what this VM says has no order, and a shell may add that nobody reads any more.
    lines = String.split(output, "\n", trim: true)
    assert ["3", "1", "1"] == Enum.filter(lines, &(&1 =~ ~r/^\d$/))
    assert "ssh: Could not resolve hostname nowhere" in lines
    assert 2 == Enum.count(lines, &(&1 == missing))
  end

  test "it is interrupted at the end of this VM, here and there", %{root: root} do
    File.write!(Path.join(root, "bin/bloom"), ~S"""
    #!/bin/sh
    trap 'mkdir "$(dirname "$0")/ended"; exit' TERM
    echo started
    for _ in $(seq 400); do sleep 0.05; done
    """)

    for host <- [nil, "me@server"] do
      target = %Target{host: host, root: root}
      code = "Bloom.Remote.run(#{inspect(target)}, [])"

      port =
        Port.open({:spawn_executable, System.find_executable("elixir")}, [
          :binary,
          :exit_status,
          line: 100,
          args: ["-pa", Application.app_dir(:bloom, "ebin"), "-e", code]
        ])

      assert_receive {^port, {:data, {:eol, "started"}}}, 30_000
      {:os_pid, os_pid} = Port.info(port, :os_pid)
      {_output, 0} = System.cmd("kill", ["-KILL", "#{os_pid}"])
      ended = Path.join(root, "bin/ended")
      await(fn -> File.exists?(ended) end)
      File.rmdir!(ended)
    end
  end

  defp await(condition, tries \\ 500) do
    cond do
      condition.() -> :ok
      tries == 0 -> flunk("in vain")
      true -> receive(after: (20 -> await(condition, tries - 1)))
    end
  end
end
