defmodule Bloom.Deployment.Recovery.CompletionTest do
  # What took effect, or was taken back, and could not be brought to its end.
  use Bloom.Test.FakeRootCase, async: false

  import Bloom.Test.Unfinished

  alias Bloom.Deployment.{Context, Driver, Report, Steps, Walk}
  alias Bloom.Metadata.Store
  alias Bloom.ReleasesFile

  setup :open_switch

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
      put_option(:hooks, after: [telling()])
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

    test "keeps nothing waiting that comes after it, which is not done again", %{id: id, root: root, path: path} do
      assert_received {:told, %{kind: :after, version: "1.1.0"}}
      settle(root)
      File.rm_rf!(Path.join(path, "bin/garden"))
      settle(root)
      assert %{outcome: :committed} = deployment(id)
      refute_received {:told, _info}
    end

    test "is completed by whoever comes when it can be", %{id: id, root: root, path: path} do
      assert {{:error, %Error{code: :not_settled}}, _log} = settle(root, &Driver.settle/1)
      assert {:ok, _log} = settle(root, &Driver.settle(&1, :cleanup))
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
      assert {{:error, %Error{code: :not_settled}}, _log} = settle(root, &Driver.settle/1)
      # It may make room for the journal, and spares both releases of what is open.
      assert {:ok, _log} = settle(root, &Driver.settle(&1, :cleanup))
      assert %{outcome: nil} = deployment(id)

      {:ok, _rows} = Store.query("DROP TRIGGER full")
      assert {:ok, _log} = settle(root)
      assert %{outcome: :committed} = deployment(id)
    end

    test "lets nothing but a cleanup begin until it is completed", %{root: root, boots: boots} do
      assert {{:error, %Error{code: :not_settled, suggestions: suggestions}}, _log} = settle(root, &Driver.settle/1)
      assert Enum.any?(suggestions, &(&1 =~ "until then a cleanup is all that is let in"))
      assert {:ok, _log} = settle(root, &Driver.settle(&1, :cleanup))
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
