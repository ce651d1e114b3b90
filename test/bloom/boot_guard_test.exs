defmodule Bloom.BootGuardTest do
  # The guard by itself, with the shell that /bin/sh is, against a root whose launcher does what Mix's does.
  use ExUnit.Case, async: true

  alias Bloom.Release.BootGuard

  @moduletag :tmp_dir

  @launcher """
  #!/bin/sh
  set -e
  RELEASE_ROOT="$(CDPATH='' cd "$(dirname "$0")/.." && pwd -P)"
  export RELEASE_ROOT
  RELEASE_VSN="${RELEASE_VSN:-"$(cut -d' ' -f2 "$RELEASE_ROOT/releases/start_erl.data")"}"
  export RELEASE_VSN
  RELEASE_COMMAND="$1"
  export RELEASE_COMMAND
  REL_VSN_DIR="$RELEASE_ROOT/releases/$RELEASE_VSN"
  . "$REL_VSN_DIR/env.sh"
  echo "boots $RELEASE_VSN with $* and $FROM_ENV"
  if [ -n "${HEART:-}" ]; then (command=$HEART && unset HEART && $command); fi
  if [ -n "${LINGER:-}" ]; then exec sleep 60; fi
  """

  setup %{tmp_dir: root} do
    File.mkdir_p!(Path.join(root, "bin"))
    launcher = Path.join(root, "bin/garden")
    File.write!(launcher, @launcher)
    File.chmod!(launcher, 0o755)

    for version <- ["1.0.0", "1.1.0"] do
      dir = Path.join([root, "releases", version])
      File.mkdir_p!(dir)
      File.write!(Path.join(dir, "env.sh"), "#!/bin/sh\nexport FROM_ENV=env-#{version}\n")
      BootGuard.put(%{version_path: dir})
    end

    File.write!(Path.join(root, "releases/start_erl.data"), "13.1.5 1.0.0")
    %{launcher: launcher}
  end

  defp arm(root, line), do: File.write!(Path.join(root, "releases/.bloom-trial"), line)

  defp boot(launcher, args \\ ["start"], env \\ []) do
    {output, 0} = System.cmd("/bin/sh", ["-c", ~S(exec "$0" "$@" 2>/dev/null), launcher | args], env: env)
    output
  end

  defp files(root), do: for(".bloom" <> _ = name <- File.ls!(Path.join(root, "releases")), do: name)

  test "without a trial the permanent release boots", %{launcher: launcher} do
    assert boot(launcher) == "boots 1.0.0 with start and env-1.0.0\n"
  end

  test "a trial boots once, with the launcher's arguments and its own env.sh", %{launcher: launcher, tmp_dir: root} do
    arm(root, "1.1.0 60\n")
    assert boot(launcher, ["start", "a b"]) == "boots 1.1.0 with start a b and env-1.1.0\n"
    assert files(root) == [".bloom-trial.booted"]
    assert boot(launcher) =~ "boots 1.0.0"
  end

  test "what Bloom.TrialBoot writes is what the guard reads", %{launcher: launcher, tmp_dir: root} do
    assert :ok = Bloom.TrialBoot.arm(root, "1.1.0", 60)
    assert Bloom.TrialBoot.state(root) == {:armed, "1.1.0"}
    assert boot(launcher) =~ "boots 1.1.0"
    assert Bloom.TrialBoot.state(root) == {:booted, "1.1.0"}
    assert :ok = Bloom.TrialBoot.confirm(root)
    assert Bloom.TrialBoot.state(root) == :none
  end

  test "names that are none, and versions that are not there, do not boot", %{launcher: launcher, tmp_dir: root} do
    for line <- [
          "",
          "\n",
          "..",
          ".. 60\n",
          "../1.1.0 60\n",
          "1.1.0/../1.1.0 60\n",
          "9.9.9 60\n",
          "1.1.0\n",
          "1.1.0 x\n",
          "$(ls) 60\n"
        ] do
      arm(root, line)
      assert boot(launcher) =~ "boots 1.0.0", inspect(line)
      assert files(root) == [".bloom-trial"]
    end
  end

  test "a trial that cannot be used up is not begun", %{launcher: launcher, tmp_dir: root} do
    arm(root, "1.1.0 60\n")
    # As on a read-only file system, which the superuser would not notice here.
    mv = Path.join(root, "mv")
    File.write!(mv, "#!/bin/sh\nexit 1\n")
    File.chmod!(mv, 0o755)
    assert boot(launcher, ["start"], [{"PATH", "#{root}:#{System.get_env("PATH")}"}]) =~ "boots 1.0.0"
    assert files(root) == [".bloom-trial"]
  end

  test "other commands, and whoever names a release, are left alone", %{launcher: launcher, tmp_dir: root} do
    arm(root, "1.1.0 60\n")
    for command <- ~w(rpc remote eval stop pid version), do: assert(boot(launcher, [command]) =~ "boots 1.0.0")
    assert boot(launcher, ["start"], [{"RELEASE_VSN", "1.1.0"}]) =~ "boots 1.1.0"
    assert files(root) == [".bloom-trial"]

    for command <- ~w(start_iex daemon daemon_iex) do
      arm(root, "1.1.0 60\n")
      assert boot(launcher, [command]) =~ "boots 1.1.0"
    end
  end

  describe "what heart starts" do
    defp heart(launcher, env, command \\ "env") do
      [_first, again] =
        launcher
        |> boot(["start"], [{"HEART", "#{command} #{launcher} start"} | env])
        |> String.split("\n", trim: true)

      again
    end

    test "is the permanent release, whatever the VM that ended was started as", %{launcher: launcher, tmp_dir: root} do
      assert heart(launcher, [{"RELEASE_VSN", "1.1.0"}]) =~ "boots 1.0.0 with start and env-1.0.0"
      arm(root, "1.1.0 60\n")
      assert heart(launcher, []) =~ "boots 1.0.0"
    end

    test "is another release where one is named", %{launcher: launcher} do
      assert heart(launcher, [], "env RELEASE_VSN=1.1.0") =~ "boots 1.1.0"
    end

    test "forgets the files of a release, and not those of the user", %{launcher: launcher, tmp_dir: root} do
      File.write!(Path.join(root, "releases/1.0.0/env.sh"), ~S"""
      . "$REL_VSN_DIR/bloom_guard.sh"
      FROM_ENV="${RELEASE_VM_ARGS:-no}, ${RELEASE_REMOTE_VM_ARGS:-no}, ${RELEASE_SYS_CONFIG:-no}"
      """)

      old = Path.join(root, "releases/1.1.0")
      env = [{"RELEASE_VM_ARGS", "#{old}/vm.args"}, {"RELEASE_REMOTE_VM_ARGS", "#{old}/remote.vm.args"}]
      assert heart(launcher, [{"RELEASE_SYS_CONFIG", "#{old}/sys"} | env]) =~ "with start and no, no, no"
      assert heart(launcher, [{"RELEASE_SYS_CONFIG", "/tmp/garden-1.1.0.runtime"}]) =~ "and no, no, no"
      mine = for name <- ~w(RELEASE_VM_ARGS RELEASE_REMOTE_VM_ARGS RELEASE_SYS_CONFIG), do: {name, "/etc/#{name}"}
      assert heart(launcher, mine) =~ "and /etc/RELEASE_VM_ARGS, /etc/RELEASE_REMOTE_VM_ARGS, /etc/RELEASE_SYS_CONFIG"
    end
  end

  test "env.sh is changed once and keeps its lines", %{tmp_dir: root} do
    dir = Path.join(root, "releases/1.0.0")
    before = File.read!(Path.join(dir, "env.sh"))
    assert before == "#!/bin/sh\n. \"$REL_VSN_DIR/bloom_guard.sh\"\nexport FROM_ENV=env-1.0.0\n"
    BootGuard.put(%{version_path: dir})
    assert File.read!(Path.join(dir, "env.sh")) == before
    assert BootGuard.there?(dir)
    File.rm!(Path.join(dir, "bloom_guard.sh"))
    refute BootGuard.there?(dir)
    assert {:error, %Bloom.Error{code: :no_boot_guard}} = Bloom.TrialBoot.arm(root, "1.1.0", 60)
  end

  describe "the watchdog" do
    defp linger(launcher) do
      port =
        Port.open({:spawn_executable, launcher}, [:binary, :exit_status, args: ["start"], env: [{~c"LINGER", ~c"1"}]])

      on_exit(fn -> kill(port) end)
      port
    end

    defp kill(port) do
      with {:os_pid, pid} <- Port.info(port, :os_pid), do: System.cmd("kill", ["-KILL", to_string(pid)])
    end

    test "kills a trial that is not confirmed in time", %{launcher: launcher, tmp_dir: root} do
      arm(root, "1.1.0 1\n")
      port = linger(launcher)
      assert_receive {^port, {:exit_status, 137}}, 10_000
    end

    test "leaves one alone that is, and ends", %{launcher: launcher, tmp_dir: root} do
      arm(root, "1.1.0 4\n")
      port = linger(launcher)
      assert_receive {^port, {:data, "boots 1.1.0" <> _}}, 10_000
      File.rm!(Path.join(root, "releases/.bloom-trial.booted"))
      watchdog = BootGuard.watchdog(Path.join(root, "releases/1.0.0"))
      {:os_pid, pid} = Port.info(port, :os_pid)
      # Another one without a file ends the process: had the first been after it, it would have been there first.
      assert {_output, 0} = System.cmd("sh", [watchdog, to_string(pid), "5"])
      assert_receive {^port, {:exit_status, 137}}, 10_000
    end

    # A script under the name of a VM; the process that started it ends, as with run_erl.
    test "kills a VM that has become a daemon", %{tmp_dir: root} do
      beam = Path.join(root, "beam.smp")
      File.write!(beam, "#!/bin/sh\necho $$\nexec 1>&-\nwhile :; do sleep 1; done\n")
      File.chmod!(beam, 0o755)
      File.write!(Path.join(root, "file"), "")
      # Of this run alone: the watchdog looks at every process of the machine.
      boot = "1.1.0 #{System.pid()}"
      watchdog = BootGuard.watchdog(Path.join(root, "releases/1.0.0"))

      port =
        Port.open({:spawn_executable, "/bin/sh"}, [
          :binary,
          :exit_status,
          args:
            ["-c", ~S|"$1" & (sh "$2" $$ 2 "$3" "$4" </dev/null >/dev/null 2>&1 &)|, "sh", beam, watchdog] ++
              [Path.join(root, "file"), boot],
          env: [{~c"RELEASE_COMMAND", ~c"daemon"}, {~c"BLOOM_BOOT", to_charlist(boot)}]
        ])

      assert_receive {^port, {:data, pid}}, 10_000
      pid = String.trim(pid)
      on_exit(fn -> System.cmd("kill", ["-KILL", pid], stderr_to_stdout: true) end)
      assert_receive {^port, {:exit_status, 0}}, 10_000
      assert {_output, 0} = System.cmd("timeout", ["10", "tail", "-f", "--pid=#{pid}", "/dev/null"])
    end

    test "has nothing to do when the process is gone", %{tmp_dir: root} do
      watchdog = BootGuard.watchdog(Path.join(root, "releases/1.0.0"))
      assert {"", 0} = System.cmd("sh", [watchdog, "4194305", "1"], stderr_to_stdout: true)
    end
  end

  describe "as the first process of a container" do
    # What the kernel protects from SIGKILL is made with a PID namespace.
    @unshare ~w(--fork --pid --mount-proc)
    @there System.find_executable("unshare") != nil and
             match?({_, 0}, System.cmd("unshare", @unshare ++ ["true"], stderr_to_stdout: true))
    if not @there, do: @describetag(skip: "PID namespaces cannot be made here: unshare and the right to are missing")

    defp contain(launcher, env) do
      args = ["--kill-child" | @unshare] ++ ["sh", launcher, "start"]
      path = System.find_executable("unshare")
      env = for {name, value} <- env, do: {to_charlist(name), to_charlist(value)}
      port = Port.open({:spawn_executable, path}, [:binary, :exit_status, args: args, env: env])
      on_exit(fn -> kill(port) end)
      port
    end

    test "a trial that is not confirmed in time is killed", %{launcher: launcher, tmp_dir: root} do
      arm(root, "1.1.0 1\n")
      port = contain(launcher, [{"LINGER", "1"}])
      assert_receive {^port, {:data, "boots 1.1.0" <> _}}, 10_000
      assert_receive {^port, {:exit_status, 137}}, 10_000
    end

    test "a trial ends with its own status, after a signal too", %{launcher: launcher, tmp_dir: root} do
      arm(root, "1.1.0 60\n")

      File.write!(Path.join(root, "releases/1.1.0/env.sh"), ~S"""
      trap 'echo stopped; exit 7' TERM
      echo ready
      while :; do sleep 0.1; done
      """)

      port = contain(launcher, [])
      assert_receive {^port, {:data, "ready\n"}}, 10_000
      {:os_pid, pid} = Port.info(port, :os_pid)
      {_output, 0} = System.cmd("pkill", ["-TERM", "-P", to_string(pid)])
      assert_receive {^port, {:data, "stopped\n"}}, 10_000
      assert_receive {^port, {:exit_status, 7}}, 10_000
    end
  end
end
