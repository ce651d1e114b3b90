defmodule Bloom.RollbackTargetTest do
  use ExUnit.Case

  alias Bloom.{Error, Metadata, RollbackTarget}
  alias Bloom.Metadata.Store

  @moduletag :tmp_dir

  @releases [
    %{version: "1.2.0", status: :permanent},
    %{version: "1.1.1", status: :unpacked},
    %{version: "1.1.0", status: :old},
    %{version: "1.0.0", status: :old}
  ]

  setup %{tmp_dir: tmp_dir} do
    Application.put_env(:bloom, :app_root, tmp_dir)

    on_exit(fn ->
      Application.delete_env(:bloom, :app_root)
      Store.close()
    end)
  end

  defp switched_from(version) do
    {:ok, id} = Metadata.start_deployment(%{operation: :switch, version: "1.2.0", from_version: version})
    :ok = Metadata.finish_deployment(id, :committed)
  end

  test "is what the history says" do
    switched_from("1.0.0")
    assert RollbackTarget.fetch("1.2.0", @releases) == {:ok, "1.0.0"}
  end

  test "is where a switch that took effect came from, though it is not completed" do
    switched_from("1.0.0")
    {:ok, _open} = Metadata.start_deployment(%{operation: :switch, version: "1.3.0", from_version: "1.2.0"})
    releases = [%{version: "1.3.0", status: :permanent} | @releases]
    assert RollbackTarget.fetch("1.3.0", releases) == {:ok, "1.2.0"}
    # It did not: settling it changes nothing of this.
    assert RollbackTarget.fetch("1.2.0", releases) == {:ok, "1.0.0"}
  end

  test "is what a rollback that took effect leaves, though it is not completed" do
    for {version, from} <- [{"1.1.0", "1.0.0"}, {"1.2.0", "1.1.0"}] do
      {:ok, id} = Metadata.start_deployment(%{operation: :switch, version: version, from_version: from})
      :ok = Metadata.finish_deployment(id, :committed)
    end

    {:ok, _open} = Metadata.start_deployment(%{operation: :rollback, version: "1.1.0", from_version: "1.2.0"})
    assert RollbackTarget.fetch("1.1.0", @releases) == {:ok, "1.0.0"}
    # It did not: it goes there when it is tried again.
    assert RollbackTarget.fetch("1.2.0", @releases) == {:ok, "1.1.0"}
  end

  test "without a history is what ran and was registered before" do
    assert RollbackTarget.fetch("1.2.0", @releases) == {:ok, "1.1.0"}
    assert {:error, %Error{code: :no_rollback_target}} = RollbackTarget.fetch("1.0.0", @releases)
  end

  test "is none where it has been removed, and that is said" do
    switched_from("0.9.0")
    assert {:error, %Error{code: :no_rollback_target, message: message}} = RollbackTarget.fetch("1.2.0", @releases)
    assert message =~ "release 0.9.0, which a rollback would go back to, has been removed"
  end
end
