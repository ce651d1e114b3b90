defmodule Bloom.Deployment.RecoveryTest do
  # What is made of a journal that has no end, on a root of files and a release handler that says what runs.
  use Bloom.Test.FakeRootCase, async: false

  import Bloom.Test.Unfinished

  alias Bloom.Deployment.{Context, Driver, Recovery}
  alias Bloom.Deployment.Steps.Register
  alias Bloom.{MockReleaseHandler, ReleasesFile}

  setup :open_switch

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
      put_option(:hooks, failure: [telling()])
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
      put_option(:hooks, failure: [telling()])
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

    test "forgets its trial and what it lent", %{id: id, root: root, path: path} do
      :ok = Metadata.update_deployment(id, %{mode: :restart, facts: %{mode: :restart}})
      ran(id, :switch)
      runs("1.2.0")
      FakeRoot.write(path, "releases/.bloom-trial", "1.1.0 60\n")
      FakeRoot.write(path, "releases/1.1.0/sys.config.pristine", "")
      assert {{:error, %Error{code: :overtaken}}, _log} = settle(root)
      assert Bloom.TrialBoot.state(path) == :none
      refute there?(path, "releases/1.1.0/sys.config.pristine")
    end

    test "is no removal: that looks itself at what is needed now", %{root: root} do
      MockReleaseHandler.add_mock_release(:garden, "1.2.0", :old)
      {:ok, id} = Metadata.start_deployment(%{operation: :remove, version: "1.2.0", from_version: "1.0.0"})
      ran(id, :remove)
      assert {{:error, %Error{code: :interrupted}}, _log} = settle(root)
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
end
