defmodule Bloom.MetadataTest do
  use ExUnit.Case

  alias Bloom.{Error, Metadata}
  alias Bloom.Metadata.Store

  @moduletag :tmp_dir

  setup %{tmp_dir: tmp_dir} do
    Application.put_env(:bloom, :app_root, tmp_dir)

    on_exit(fn ->
      Application.delete_env(:bloom, :app_root)
      Store.close()
    end)

    :ok
  end

  describe "the journal of a deployment" do
    test "has what was written before and after every step" do
      assert {:ok, nil} = Metadata.unfinished_deployment()

      assert {:ok, id} =
               Metadata.start_deployment(%{
                 operation: :switch,
                 version: "1.1.0",
                 from_version: "1.0.0",
                 requested_by: "florist",
                 facts: %{placed: ["lib/a-1"]}
               })

      assert :ok = Metadata.update_deployment(id, %{mode: :hot, plan: %{decision: :hot, reasons: []}})
      assert {:ok, first} = Metadata.start_step(id, :rehearse, :run)
      assert :ok = Metadata.finish_step(first, :ok, %{placed: ["lib/a-1"], rehearsed: true})
      assert {:ok, second} = Metadata.start_step(id, :switch, :run)
      assert :ok = Metadata.finish_step(second, {:error, "it is busy"}, nil)
      assert {:ok, third} = Metadata.start_step(id, :rehearse, :undo)

      assert {:ok, deployment} = Metadata.unfinished_deployment()

      assert %{
               id: ^id,
               operation: :switch,
               version: "1.1.0",
               from_version: "1.0.0",
               mode: :hot,
               outcome: nil,
               reason: nil,
               requested_by: "florist",
               facts: %{placed: ["lib/a-1"], rehearsed: true},
               plan: %{decision: :hot, reasons: []},
               started_at: %DateTime{} = started_at,
               finished_at: nil,
               steps: [
                 %{id: ^first, step: :rehearse, phase: :run, result: :ok, duration_us: duration},
                 %{id: ^second, step: :switch, phase: :run, result: {:error, "it is busy"}},
                 %{id: ^third, step: :rehearse, phase: :undo, result: nil, duration_us: nil}
               ]
             } = deployment

      assert duration >= 0
      assert abs(DateTime.diff(DateTime.utc_now(), started_at)) < 60

      assert :ok = Metadata.finish_deployment(id, :taken_back, "it is busy")
      assert {:ok, nil} = Metadata.unfinished_deployment()

      assert {:ok, %{outcome: :taken_back, reason: "it is busy", finished_at: %DateTime{}}} =
               Metadata.get_deployment(id)
    end

    test "is that of the latest deployment without an end" do
      [first, second] = for version <- ["1.1.0", "1.2.0"], do: start(:install, version)
      assert {:ok, %{id: ^second, version: "1.2.0", from_version: nil, facts: %{}}} = Metadata.unfinished_deployment()
      assert :ok = Metadata.finish_deployment(second, :installed)
      assert {:ok, %{id: ^first}} = Metadata.unfinished_deployment()
    end

    test "knows what it was told, and nothing else" do
      assert {:error, %Error{code: :not_in_journal, message: message}} = Metadata.update_deployment(7, %{mode: :hot})
      assert message == "the journal knows no deployment 7"
      assert {:error, %Error{code: :not_in_journal}} = Metadata.finish_deployment(7, :committed, nil)
      assert {:error, %Error{code: :not_in_journal}} = Metadata.finish_step(7, :ok, %{})
      assert {:error, %Error{code: :store_failed}} = Metadata.start_step(7, :switch, :run)
      assert_raise ArgumentError, fn -> Metadata.start_deployment(%{operation: :plant, version: "1.1.0"}) end
      assert_raise ArgumentError, fn -> Metadata.finish_deployment(7, :withered) end
      assert {:ok, []} = Metadata.get_deployment_history()
    end

    test "takes reasons that are no text" do
      id = start(:switch, "1.1.0")
      {:ok, step} = Metadata.start_step(id, :switch, :run)
      assert :ok = Metadata.finish_step(step, {:error, <<255>>}, nil)
      assert {:ok, %{steps: [%{result: {:error, "<<255>>"}}]}} = Metadata.get_deployment(id)
    end

    test "makes no atoms of what a newer Bloom has written" do
      id = start(:switch, "1.1.0")
      {:ok, _} = Store.query("UPDATE deployments SET operation = 'replant_it', mode = 'cold_frame' WHERE id = ?1", [id])
      {:ok, _step} = Metadata.start_step(id, :switch, :run)
      {:ok, _} = Store.query("UPDATE steps SET step = 'prune_the_hedge'")
      assert {:ok, deployment} = Metadata.unfinished_deployment()
      assert %{operation: "replant_it", mode: "cold_frame", steps: [%{step: "prune_the_hedge"}]} = deployment
      assert_raise ArgumentError, fn -> String.to_existing_atom("prune_the_" <> "hedge") end
    end

    test "says so when a term in it cannot be read" do
      id = start(:switch, "1.1.0")
      {:ok, _} = Store.query("UPDATE deployments SET facts = x'00' WHERE id = ?1", [id])
      assert {:error, %Error{code: :store_damaged}} = Metadata.unfinished_deployment()
    end

    test "keeps the plans of the latest deployments" do
      old = start(:switch, "1.0.0")
      :ok = Metadata.update_deployment(old, %{plan: %{decision: :hot}})
      {:ok, _} = Store.query("UPDATE sqlite_sequence SET seq = seq + 200 WHERE name = 'deployments'")
      new = start(:switch, "1.1.0")
      :ok = Metadata.update_deployment(new, %{plan: %{decision: :hot}})
      assert {:ok, %{plan: nil, version: "1.0.0"}} = Metadata.get_deployment(old)
      assert {:ok, %{plan: %{decision: :hot}}} = Metadata.get_deployment(new)
    end
  end

  describe "the history" do
    test "is newest first, as much of it as is wanted" do
      for version <- ["1.1.0", "1.2.0", "1.3.0"], do: :ok = finish(start(:install, version), :installed)
      assert {:ok, all} = Metadata.get_deployment_history()
      assert Enum.map(all, & &1.version) == ["1.3.0", "1.2.0", "1.1.0"]
      assert {:ok, [%{version: "1.3.0"}, %{version: "1.2.0"}]} = Metadata.get_deployment_history(limit: 2)
      assert {:error, "There is no deployment 99" <> _} = Metadata.get_deployment(99)
    end

    test "knows where a rollback goes" do
      assert {:error, "There is no release to roll back to: " <> _} = Metadata.get_rollback_target()
      :ok = finish(start(:switch, "1.1.0", "1.0.0"), :committed)
      :ok = finish(start(:switch, "1.2.0", "1.1.0"), :taken_back)
      :ok = finish(start(:install, "1.2.0", "1.1.0"), :installed)
      _unfinished = start(:switch, "1.2.0", "1.1.0")
      assert {:ok, "1.0.0"} = Metadata.get_rollback_target()
      :ok = finish(start(:switch, "1.2.0", "1.1.0"), :committed)
      assert {:ok, "1.1.0"} = Metadata.get_rollback_target()
      :ok = finish(start(:rollback, "1.1.0", "1.2.0"), :committed)
      assert {:ok, "1.0.0"} = Metadata.get_rollback_target()
      :ok = finish(start(:rollback, "1.0.0", "1.1.0"), :committed)
      assert {:error, _message} = Metadata.get_rollback_target()
    end
  end

  test "a limit is a number of rows, however many there are" do
    :ok = Metadata.audit(%{who: nil, operation: :status, arguments: [], result: :ok})
    assert {:ok, [_entry]} = Metadata.get_audit(limit: 2 ** 70)
    assert {:ok, []} = Metadata.get_deployment_history(limit: 2 ** 70)

    for limit <- [0, -1, 1.0, "1", nil], get <- [&Metadata.get_audit/1, &Metadata.get_deployment_history/1] do
      assert_raise ArgumentError, ~r/limit: is a whole number/, fn -> get.(limit: limit) end
    end
  end

  test "migrations of a version are all kept" do
    assert {:ok, []} = Metadata.get_migration_info("1.1.0")
    assert :ok = Metadata.save_migration_info("1.1.0", %{executed: [1, 2]})
    assert :ok = Metadata.save_migration_info("1.1.0", %{executed: [3]})
    assert :ok = Metadata.save_migration_info("1.2.0", %{executed: [4]})
    assert {:ok, [%{executed: [3]}, %{executed: [1, 2]}]} = Metadata.get_migration_info("1.1.0")
  end

  test "of backups of a version the latest counts" do
    assert {:error, "There is no backup of version 1.1.0"} = Metadata.get_backup_info("1.1.0")
    assert :ok = Metadata.save_backup_info("1.1.0", %{path: "one"})
    assert :ok = Metadata.save_backup_info("1.1.0", %{path: "two"})
    assert {:ok, %{path: "two"}} = Metadata.get_backup_info("1.1.0")
  end

  test "who asked for what is known" do
    asked = %{who: "florist@10.0.0.1", operation: :switch_release, arguments: ["1.1.0"], result: {:error, "no"}}
    assert :ok = Metadata.audit(asked)
    assert :ok = Metadata.audit(%{asked | who: nil, result: :ok})
    assert {:ok, [%{who: nil, result: :ok}, first]} = Metadata.get_audit()

    assert %{who: "florist@10.0.0.1", operation: "switch_release", arguments: ["1.1.0"], result: {:error, "no"}} = first
    assert %DateTime{} = first.at
    assert {:ok, [%{who: nil}]} = Metadata.get_audit(limit: 1)
  end

  defp start(operation, version, from \\ nil) do
    {:ok, id} = Metadata.start_deployment(%{operation: operation, version: version, from_version: from})
    id
  end

  defp finish(id, outcome), do: Metadata.finish_deployment(id, outcome, nil)

  test "a failed trial is known until the version is removed, or has passed one" do
    deploy = fn attributes, mode, outcome ->
      {:ok, id} = Metadata.start_deployment(Map.merge(%{version: "1.1.0", from_version: "1.0.0"}, attributes))
      if mode, do: :ok = Metadata.update_deployment(id, %{mode: mode})
      if mode == :restart, do: {:ok, _entry} = Metadata.start_step(id, :probation, :run)
      :ok = Metadata.finish_deployment(id, outcome, "because")
      Metadata.failed_trial("1.1.0")
    end

    assert {:ok, nil} = Metadata.failed_trial("1.1.0")
    assert {:ok, nil} = deploy.(%{operation: :switch}, :hot, :taken_back)
    assert {:ok, %{at: %DateTime{}, reason: "because"}} = deploy.(%{operation: :switch}, :restart, :taken_back)
    assert {:ok, %{reason: "because"}} = deploy.(%{operation: :install}, nil, :installed)
    assert {:ok, %{reason: "because"}} = deploy.(%{operation: :switch}, :restart, :cancelled)
    assert {:ok, nil} = deploy.(%{operation: :remove}, nil, :removed)
    # That it could not be taken back makes it no better.
    assert {:ok, %{}} = deploy.(%{operation: :switch}, :restart, :failed)
    assert {:ok, nil} = deploy.(%{operation: :switch}, :restart, :committed)
    assert {:ok, %{}} = deploy.(%{operation: :switch}, :restart, :taken_back)
    assert {:ok, nil} = deploy.(%{operation: :switch}, :hot, :committed)
  end
end
