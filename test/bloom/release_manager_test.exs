defmodule Bloom.ReleaseManagerTest do
  # The README's Testing section, as a user's own suite would have it.
  use ExUnit.Case

  alias Bloom.{MockReleaseHandler, ReleaseManager}

  setup do
    Application.put_env(:bloom, :release_handler, MockReleaseHandler)
    Application.put_env(:bloom, :skip_file_checks, true)

    on_exit(fn ->
      Application.delete_env(:bloom, :release_handler)
      Application.delete_env(:bloom, :skip_file_checks)
    end)

    MockReleaseHandler.clear_releases()
    MockReleaseHandler.add_mock_release(:my_app, "1.0.0", :permanent)
    :ok
  end

  test "can install a release" do
    assert :ok = ReleaseManager.install_release("1.1.0")
    assert %{name: "my_app", version: "1.1.0", status: :unpacked} in ReleaseManager.list_releases()
  end

  test "switches, lists and rolls back" do
    :ok = ReleaseManager.install_release("1.1.0")
    assert :ok = ReleaseManager.switch_release("1.1.0")
    assert {:ok, %{name: "my_app", version: "1.1.0"}} = ReleaseManager.current_release()
    assert :ok = ReleaseManager.rollback_release()
    assert {:ok, %{version: "1.0.0"}} = ReleaseManager.current_release()
  end

  test "says what is wrong with a version" do
    assert {:error, message} = ReleaseManager.install_release("abc")
    assert message == "Invalid version format: abc. Expected format: X.Y.Z or X.Y.Z-suffix"
    assert {:error, "Invalid version format: :x. " <> _} = ReleaseManager.switch_release(:x)
  end

  test "a release that is not there" do
    assert {:error, "Release not found - ensure release is properly installed"} = ReleaseManager.switch_release("9.9.9")
  end

  test "nothing to roll back to" do
    assert {:error, "there is no earlier release" <> _} = ReleaseManager.rollback_release()
  end

  test "without the mock, a node that runs no release says so" do
    Application.put_env(:bloom, :skip_file_checks, false)
    assert {:error, "this node does not run a release" <> _} = ReleaseManager.install_release("1.1.0")
  end
end
