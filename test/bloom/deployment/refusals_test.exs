defmodule Bloom.Deployment.RefusalsTest do
  # What a switch refuses is refused by the steps before the hooks, the backup and the migrations.
  use Bloom.Test.FakeRootCase, async: false

  alias Bloom.Deployment.{Context, HotSwitch, RestartSwitch, Status, Steps}
  alias Bloom.{MockReleaseHandler, Plan}
  alias Bloom.Test.TinyArchive

  setup %{tmp_dir: tmp_dir, path: path} do
    put_option(:release_handler, MockReleaseHandler)
    put_option(:restarted_by, "the test")
    MockReleaseHandler.clear_releases()
    MockReleaseHandler.add_mock_release(:garden, "1.0.0", :permanent)
    MockReleaseHandler.add_mock_release(:garden, "1.1.0", :old)
    File.mkdir_p!(path)
    erts = to_string(:erlang.system_info(:version))
    for {version, body} <- [{"1.0.0", "1"}, {"1.1.0", "2"}], do: unpack(tmp_dir, path, version, body, erts)
    FakeRoot.write(path, "releases/start_erl.data", "#{erts} 1.0.0")
    guard(path)
    {:ok, root: %Root{path: path, name: "garden", running: "1.0.0"}}
  end

  defp unpack(tmp_dir, path, version, body, erts) do
    archive = TinyArchive.write(tmp_dir, version, [{"garden_beds", "count() -> #{body}."}], erts: erts)
    {_output, 0} = System.cmd("tar", ["xzf", archive], cd: path)
  end

  defp guard(path) do
    FakeRoot.write(path, "releases/1.0.0/env.sh", "#!/bin/sh\n")
    Bloom.Release.BootGuard.put(%{version_path: Path.join(path, "releases/1.0.0")})
  end

  defp context(root, operation, opts) do
    id = begin(%{operation: operation, version: "1.1.0", from_version: "1.0.0"})
    %Context{id: id, operation: operation, version: "1.1.0", root: root, opts: opts}
  end

  defp plan(root, operation, opts), do: root |> context(operation, opts) |> Steps.Plan.run()

  defp failed_trial do
    id = begin(%{operation: :switch, version: "1.1.0", from_version: "1.0.0"})
    :ok = Metadata.update_deployment(id, %{mode: :restart, facts: %{trial_booted: true}})
    :ok = Metadata.finish_deployment(id, :taken_back, "drought")
  end

  # As a VM has it that was started with it.
  defp with_heart do
    put_option(:restarted_by, nil)
    Process.register(self(), :heart)

    for {name, value} <- [{"HEART_COMMAND", "true"}, {"BLOOM_BOOT", "1.0.0 1"}] do
      System.put_env(name, value)
      on_exit(fn -> System.delete_env(name) end)
    end
  end

  # It is of another Erlang than the one that runs.
  defp needs_restart(%{tmp_dir: tmp_dir, path: path}), do: unpack(tmp_dir, path, "1.1.0", "2", "99.0")

  test "nothing refuses what may be switched to", %{root: root} do
    for operation <- [:switch, :rollback], mode <- [:hot, :restart] do
      assert {:ok, context} = plan(root, operation, mode: mode)
      assert Context.wanted_mode(context) == mode
    end
  end

  for operation <- [:switch, :rollback] do
    describe "the plan of a #{operation} refuses" do
      test "a restart that nothing would follow", %{root: root} do
        put_option(:restarted_by, nil)
        without_systemd()
        assert {:error, %Error{code: :no_restarter}} = plan(root, unquote(operation), mode: :restart)
        assert {:ok, _context} = plan(root, unquote(operation), [])
      end

      test "a restart that heart would not follow, as the release does without it", %{root: root, path: path} do
        with_heart()
        args = fn version, text -> FakeRoot.write(path, "releases/#{version}/vm.args", text) end
        args.("1.0.0", "+P 1000 -heart\n")
        args.("1.1.0", "# -heart\n-name no-heart\n")
        assert {:error, %Error{code: :no_restarter, message: message}} = plan(root, unquote(operation), mode: :restart)
        assert message =~ "its vm.args has no -heart"
        args.("1.1.0", "-heart")
        assert {:ok, _context} = plan(root, unquote(operation), mode: :restart)
      end

      test "a trial that nothing would guard", %{root: root, path: path} do
        File.rm!(Path.join(path, "releases/1.0.0/bloom_guard.sh"))
        assert {:error, %Error{code: :no_boot_guard}} = plan(root, unquote(operation), mode: :restart)
        assert {:ok, _context} = plan(root, unquote(operation), [])
      end

      test "what did not pass its trial, however often it is asked", %{root: root} do
        failed_trial()

        for _time <- 1..2 do
          context = context(root, unquote(operation), mode: :restart)
          assert {:error, %Error{code: :failed_trial} = error} = Steps.Plan.run(context)
          :ok = Metadata.finish_deployment(context.id, :failed, error.message)
        end

        assert {:ok, _context} = plan(root, unquote(operation), mode: :restart, force: true)
        assert {:ok, _context} = plan(root, unquote(operation), [])
      end

      test "a restart that is not wanted", %{root: root} = files do
        needs_restart(files)
        context = context(root, unquote(operation), mode: :hot)
        assert {:error, %Error{code: :restart_required}} = Steps.Plan.run(context)
        assert {:ok, %{plan: %{decision: :restart, reasons: [_why | _]}}} = Metadata.get_deployment(context.id)
        assert {:ok, _context} = plan(root, unquote(operation), [])
      end
    end
  end

  test "an installation is planned whatever a switch would be refused for", %{root: root} = files do
    needs_restart(files)
    put_option(:restarted_by, nil)
    without_systemd()
    failed_trial()
    assert {:ok, _context} = plan(root, :install, [])
  end

  test "the switch looks again, and arms nothing that is refused", %{root: root, path: path} do
    {:ok, context} = plan(root, :switch, mode: :restart)
    assert {:ok, %{by: :declared}} = RestartSwitch.ready(context)
    File.rm!(Path.join(path, "releases/1.0.0/bloom_guard.sh"))
    assert {:error, %Error{code: :no_boot_guard}} = RestartSwitch.run(context)
    assert Bloom.TrialBoot.state(path) == :none
  end

  test "the switch heeds a cancel that was let in before the node is about to end", %{root: root, path: path} do
    # Without a release of its own this VM could not be ended, and not within this test.
    put_option(:restart_stop_timeout_ms, 3_600_000)
    refute System.get_env("RELEASE_VSN")

    {:ok, context} = plan(root, :switch, mode: :restart)
    Status.begin(:switch, "1.1.0", nil)
    on_exit(&Status.clear/0)
    Status.cancel()
    assert {:error, %Error{code: :cancelled}} = RestartSwitch.run(context)
    assert Bloom.TrialBoot.state(path) == :none
    # In which no other cancel is let in.
    assert %{stage: :restarting} = Status.get()
  end

  test "a trial that nothing would follow back stays unconfirmed, for the watchdog", %{root: root, path: path} do
    {:ok, context} = plan(root, :switch, mode: :restart)
    FakeRoot.write(path, "releases/.bloom-trial.booted", "1.1.0 60\n")
    put_option(:restarted_by, nil)
    without_systemd()
    assert {:error, %Error{code: :no_restarter}} = RestartSwitch.back(context)
    assert Bloom.TrialBoot.state(path) == {:booted, "1.1.0"}
  end

  test "they come before whatever changes something" do
    {looking, _changing} = Enum.split_while(Steps.of(:switch), &(&1 != Steps.BeforeHooks))
    assert Steps.Plan in looking and Steps.Rehearse in looking
  end

  test "a hot switch is not ready while a process is in old code, which is left alone" do
    Code.put_compiler_option(:ignore_module_conflict, true)
    on_exit(fn -> Code.put_compiler_option(:ignore_module_conflict, false) end)
    put_option(:old_code_timeout_ms, 0)
    probe = load("def wait, do: receive(do: (:go -> :ok))")
    pid = spawn(probe, :wait, [])
    load("def wait, do: :other")
    garden = %{name: "garden", modules: [%{name: Atom.to_string(probe), change: :changed, load: :load}]}
    plan = %Plan{root: "", name: "garden", running: "1.0.0", target: "1.1.0", decision: :hot, applications: [garden]}

    assert {:error, %Error{code: :old_code_in_use, message: message}} = HotSwitch.ready(plan)
    assert message =~ "Bloom.RefusalsProbe"
    assert Process.alive?(pid)

    ref = Process.monitor(pid)
    send(pid, :go)
    assert_receive {:DOWN, ^ref, :process, ^pid, :normal}
    assert :ok = HotSwitch.ready(plan)
  end

  defp load(body) do
    [{module, _beam}] = Code.compile_string("defmodule Bloom.RefusalsProbe do\n#{body}\nend")
    module
  end

  # Where the tests run as a unit of systemd.
  defp without_systemd do
    id = System.get_env("INVOCATION_ID")
    System.delete_env("INVOCATION_ID")
    on_exit(fn -> if id, do: System.put_env("INVOCATION_ID", id) end)
  end
end
