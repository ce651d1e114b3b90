defmodule Bloom.Deployment.RecoveryTest do
  # What is made of a journal that has no end, on a root of files and a release handler that says what runs.
  use Bloom.Test.FakeRootCase, async: false

  alias Bloom.Deployment.{Context, Driver, Recovery, Report, Status, Steps, Walk}
  alias Bloom.Deployment.Steps.Register
  alias Bloom.Metadata.Store
  alias Bloom.{MockReleaseHandler, ReleasesFile}

  setup %{path: path} do
    put_option(:release_handler, MockReleaseHandler)
    MockReleaseHandler.clear_releases()
    root = FakeRoot.make(path, [release("1.1.0", :old), release("1.0.0", :permanent)])
    Status.begin(:switch, "1.1.0", nil)
    on_exit(&Status.clear/0)
    {:ok, id} = Metadata.start_deployment(%{operation: :switch, version: "1.1.0", from_version: "1.0.0"})
    {:ok, id: id, root: root}
  end

  # A hook. It runs in a process of its own.
  def told(info, test) do
    send(test, {:told, info})
    :ok
  end

  defp runs(version), do: MockReleaseHandler.add_mock_release(:garden, version, :current)

  defp ran(id, step, result \\ nil) do
    {:ok, entry} = Metadata.start_step(id, step, :run)
    if result, do: :ok = Metadata.finish_step(entry, result)
  end

  # As `Recovery.unfinished/0` does, which looks at the root of this VM.
  defp settle(root, settle \\ &Recovery.settle/1) do
    {:ok, deployment} = Metadata.unfinished_deployment()
    with_log(fn -> settle.({Context.from_journal(deployment, root), deployment.steps}) end)
  end

  defp deployment(id) do
    {:ok, deployment} = Metadata.get_deployment(id)
    deployment
  end

  test "a registration that is interrupted twice is still known as this deployment's", %{root: root} do
    {:ok, id} = Metadata.start_deployment(%{operation: :install, version: "1.1.0", from_version: "1.0.0"})
    MockReleaseHandler.add_mock_release(:garden, "1.1.0", :unpacked)
    context = Context.from_journal(%{deployment(id) | facts: %{registered_before: false}}, root)
    assert {:ok, context} = Register.run(context)
    assert Register.happened?(context)
  end

  describe "a trial that was taken back by a restart" do
    setup %{id: id} do
      runs("1.0.0")
      put_option(:hooks, failure: [{__MODULE__, :told, [self()]}])
      :ok = Metadata.update_deployment(id, %{mode: :restart, facts: %{mode: :restart}})
      ran(id, :switch)
      ran(id, :probation, {:error, "cancelled"})
    end

    test "because it was cancelled is none that failed", %{id: id, root: root} do
      :ok = Metadata.update_deployment(id, %{facts: %{mode: :restart, cancelled: true}})
      assert {{:error, %Error{code: :cancelled, message: message}}, _log} = settle(root)
      assert message == "cancelled: release 1.1.0 was taken back, 1.0.0 runs"
      assert %{outcome: :cancelled, reason: ^message} = deployment(id)
      assert_received {:told, %{outcome: :cancelled}}
      assert Metadata.failed_trial("1.1.0") == {:ok, nil}
    end

    test "by a Bloom that did not write down why is one that failed", %{id: id, root: root} do
      assert {{:error, %Error{code: :taken_back}}, _log} = settle(root)
      assert %{outcome: :taken_back} = deployment(id)
      assert_received {:told, %{outcome: :taken_back}}
      assert {:ok, %{reason: _why}} = Metadata.failed_trial("1.1.0")
    end
  end

  # Somebody has unpacked an archive over the root, or brought an old copy of the journal.
  describe "a deployment that the node has gone past by another hand" do
    setup %{path: path} do
      put_option(:hooks, failure: [{__MODULE__, :told, [self()]}])
      root = FakeRoot.make(path, [release("1.1.0", :permanent), release("1.0.0", :old)])
      runs("1.1.0")
      {:ok, root: root}
    end

    defp installing(facts) do
      {:ok, id} = Metadata.start_deployment(%{operation: :install, version: "1.1.0", from_version: "1.0.0"})
      :ok = Metadata.update_deployment(id, %{facts: facts})
      ran(id, :stage)
      id
    end

    test "is ended with nothing undone", %{path: path, root: root} do
      id = installing(%{units_before: ["erts-13.1.5", "lib/#{@kernel}", "lib/garden-1.0.0", "releases/1.0.0"]})
      before = Node.tree(path)
      assert {{:error, %Error{code: :overtaken, message: message}}, _log} = settle(root)
      assert message =~ "install of release 1.1.0 from 1.0.0 was left unfinished, and 1.1.0 runs now"
      assert Node.tree(path) == before
      assert %{outcome: :failed, reason: reason} = deployment(id)
      assert reason =~ "nothing of it is undone"
    end

    test "lets the next one begin", %{root: root} do
      installing(%{})
      assert {:ok, _log} = settle(root, &Driver.settle/1)
    end

    test "is no switch whose migrations may be rolled back", %{id: id, root: root} do
      ran(id, :migrate)
      assert {{:error, %Error{code: :overtaken}}, _log} = settle(root)
      assert %{outcome: :failed} = deployment(id)
      # What a hook has paused is not paused for ever.
      assert_received {:told, %{outcome: :failed}}
    end

    test "forgets its trial", %{id: id, root: root, path: path} do
      :ok = Metadata.update_deployment(id, %{mode: :restart, facts: %{mode: :restart}})
      ran(id, :switch)
      runs("1.2.0")
      FakeRoot.write(path, "releases/.bloom-trial", "1.1.0 60\n")
      assert {{:error, %Error{code: :overtaken}}, _log} = settle(root)
      assert Bloom.TrialBoot.state(path) == :none
    end

    test "is complete where it was made permanent", %{id: id, root: root, path: path} do
      ran(id, :switch)
      settle(root)
      assert %{outcome: :committed} = deployment(id)
      assert ReleasesFile.permanent(path) == {:ok, "1.1.0"}
    end
  end

  test "what an installation put in place and another release needs by now stays", %{path: path} do
    root = FakeRoot.make(path, [release("1.0.0", :permanent), {"1.2.0", ["garden-1.1.0"], :unpacked, []}])
    FakeRoot.make(path, [{"1.1.0", ["garden-1.1.0", "beds-1.1.0"], nil, []}, release("1.0.0", :permanent)])
    FakeRoot.put_releases(path, [FakeRoot.entry("1.0.0", [], :permanent), FakeRoot.entry("1.2.0", [], :unpacked)])
    runs("1.0.0")
    {:ok, id} = Metadata.start_deployment(%{operation: :install, version: "1.1.0", from_version: "1.0.0"})
    before = ["erts-13.1.5", "lib/#{@kernel}", "lib/garden-1.0.0", "releases/1.0.0"]
    :ok = Metadata.update_deployment(id, %{facts: %{units_before: before}})
    ran(id, :stage)
    assert {{:error, %Error{code: :interrupted}}, _log} = settle(root)
    refute there?(path, "releases/1.1.0")
    refute there?(path, "lib/beds-1.1.0")
    assert there?(path, "lib/garden-1.1.0")
    assert there?(path, "releases/1.2.0")
  end

  test "an installation is undone beside a directory that nobody can read as a release", %{path: path} do
    root = FakeRoot.make(path, [release("1.0.0", :permanent)])
    FakeRoot.write(path, "releases/notes/start.boot", "")
    before = ["erts-13.1.5", "lib/#{@kernel}", "lib/garden-1.0.0", "releases/1.0.0", "releases/notes"]
    FakeRoot.write(path, "releases/1.1.0/garden.rel", "")
    runs("1.0.0")
    {:ok, id} = Metadata.start_deployment(%{operation: :install, version: "1.1.0", from_version: "1.0.0"})
    :ok = Metadata.update_deployment(id, %{facts: %{units_before: before}})
    ran(id, :stage)
    assert {{:error, %Error{code: :interrupted}}, _log} = settle(root)
    refute there?(path, "releases/1.1.0")
  end

  describe "a restart switch that was interrupted" do
    setup %{id: id} do
      runs("1.0.0")
      :ok = Metadata.update_deployment(id, %{mode: :restart, facts: %{mode: :restart}})
      ran(id, :switch)
      :ok
    end

    test "before its trial says nothing of the release", %{id: id, root: root} do
      assert {{:error, %Error{}}, _log} = settle(root)
      assert %{outcome: :taken_back, reason: reason} = deployment(id)
      assert reason =~ "was interrupted in step switch"
      assert Metadata.failed_trial("1.1.0") == {:ok, nil}
    end

    test "by a trial that did not come up is one that failed", %{id: id, root: root, path: path} do
      FakeRoot.write(path, "releases/.bloom-trial.booted", "1.1.0 60\n")
      assert {{:error, %Error{}}, _log} = settle(root)
      assert %{outcome: :taken_back} = deployment(id)
      assert {:ok, %{reason: reason}} = Metadata.failed_trial("1.1.0")
      assert reason =~ "did not come up on its trial"
      assert Bloom.TrialBoot.state(path) == :none
    end
  end

  test "a trial that was cancelled does not go on with its probation", %{id: id, root: root} do
    runs("1.1.0")
    ran(id, :switch)
    context = Context.from_journal(%{deployment(id) | facts: %{mode: :restart}}, root)
    assert Recovery.goes_on?({context, deployment(id).steps})
    refute Recovery.goes_on?({Context.put_facts(context, %{cancelled: true}), deployment(id).steps})
  end

  describe "an end that cannot be written down" do
    setup do
      runs("1.0.0")

      {:ok, _rows} =
        Store.query(
          "CREATE TRIGGER full BEFORE UPDATE OF outcome ON deployments BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )

      :ok
    end

    test "lets nothing but a cleanup begin until it is", %{id: id, root: root} do
      ran(id, :plan)
      assert {{:error, %Error{code: :end_not_written} = error}, _log} = settle(root, &Driver.settle/1)
      assert error.message =~ "switch of release 1.1.0 is settled, and its end cannot be written to the journal"
      assert %{outcome: nil} = deployment(id)
      assert {:ok, _log} = settle(root, &Driver.settle(&1, :cleanup))

      {:ok, _rows} = Store.query("DROP TRIGGER full")
      assert {:ok, _log} = settle(root, &Driver.settle/1)
      assert %{outcome: :failed} = deployment(id)
    end

    test "of a deployment that came before another one is settled, too", %{id: id, root: root} do
      {:ok, _rows} = Store.query("DROP TRIGGER full")
      {:ok, later} = Metadata.start_deployment(%{operation: :switch, version: "1.2.0", from_version: "1.0.0"})
      assert {:ok, _log} = settle(root, &Driver.settle/1)
      for id <- [id, later], do: assert(%{outcome: :failed} = deployment(id))
    end
  end

  describe "a commit of which the launcher is left to do" do
    setup %{id: id, root: root, path: path} do
      runs("1.1.0")
      put_option(:hooks, after: [{__MODULE__, :told, [self()]}])
      FakeRoot.write(path, "releases/1.1.0/bin/garden", "of another Mix version")
      FakeRoot.write(path, "bin/garden/in the way", "")
      ran(id, :switch, :ok)
      context = deployment(id) |> Context.from_journal(root) |> Report.begin(resumed: false)
      {result, _log} = with_log(fn -> Walk.forward([Steps.Commit, Steps.AfterHooks], context, [Steps.Switch]) end)
      {:ok, result: result}
    end

    test "is left open, and that is told", %{id: id, path: path, result: result} do
      assert {:error, %Error{code: :not_settled, message: message}} = result
      assert message =~ "switch of release 1.1.0 took effect and could not be completed: cannot rename "
      assert message =~ "/bin/garden"
      assert ReleasesFile.permanent(path) == {:ok, "1.1.0"}
      assert %{outcome: nil, steps: steps} = deployment(id)
      assert [{:error, why}] = for(%{step: :commit, phase: :run, result: result} <- steps, do: result)
      assert why =~ "/bin/garden"
    end

    test "keeps nothing waiting that comes after it" do
      assert_received {:told, %{kind: :after, version: "1.1.0"}}
    end

    test "is completed by whoever comes when it can be", %{id: id, root: root, path: path} do
      assert {{:error, %Error{code: :not_settled}}, _log} = settle(root, &Driver.settle/1)
      File.rm_rf!(Path.join(path, "bin/garden"))
      assert {:ok, _log} = settle(root, &Driver.settle/1)
      assert File.read!(Path.join(path, "bin/garden")) == "of another Mix version"
      assert %{outcome: :committed} = deployment(id)
    end
  end

  describe "a commit that has begun" do
    setup %{id: id, path: path} do
      runs("1.1.0")
      for step <- [:switch, :probation], do: ran(id, step, :ok)
      ran(id, :commit)
      # RELEASES is written, and the file that says what boots cannot be.
      FakeRoot.put_releases(path, [FakeRoot.entry("1.1.0", [], :permanent), FakeRoot.entry("1.0.0", [], :old)])
      boots = Path.join(path, "releases/start_erl.data")
      File.rm!(boots)
      File.mkdir_p!(Path.join(boots, "in the way"))
      {:ok, boots: boots}
    end

    test "and fails again is left open, with nothing undone", %{id: id, root: root, path: path} do
      assert {{:error, %Error{code: :not_settled, message: message}}, _log} = settle(root)
      assert message =~ "switch of release 1.1.0 took effect and could not be completed: "
      assert ReleasesFile.listed_permanent(path) == {:ok, "1.1.0"}
      assert %{outcome: nil, steps: steps} = deployment(id)
      assert for(%{phase: :undo, step: step} <- steps, do: step) == []
    end

    test "and cannot be written down is left open, with nothing done", %{id: id, root: root, boots: boots} do
      {:ok, _rows} = Store.query("CREATE TRIGGER full BEFORE INSERT ON steps BEGIN SELECT RAISE(ABORT, 'no room'); END")
      File.rm_rf!(boots)
      assert {{:error, %Error{code: :not_settled, message: message}}, _log} = settle(root)
      assert message =~ "no room"
      refute File.exists?(boots)
      assert %{outcome: nil} = deployment(id)

      {:ok, _rows} = Store.query("DROP TRIGGER full")
      assert {:ok, _log} = settle(root)
      assert %{outcome: :committed} = deployment(id)
    end

    test "lets nothing else begin until it is completed", %{root: root, boots: boots} do
      assert {{:error, %Error{code: :not_settled, suggestions: suggestions}}, _log} = settle(root, &Driver.settle/1)
      assert Enum.any?(suggestions, &(&1 =~ "until then no deployment is let in"))
      File.rm_rf!(boots)
      assert {:ok, _log} = settle(root, &Driver.settle/1)
    end

    test "is completed by whoever comes when it can be", %{id: id, root: root, path: path, boots: boots} do
      {{:error, _not_settled}, _log} = settle(root)
      File.rm_rf!(boots)
      assert {:ok, _log} = settle(root)
      assert ReleasesFile.permanent(path) == {:ok, "1.1.0"}
      assert %{outcome: :committed} = deployment(id)
    end
  end
end
