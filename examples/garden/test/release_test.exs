defmodule Garden.ReleaseTest do
  use ExUnit.Case

  setup do
    Bloom.MockReleaseHandler.clear_releases()
    Bloom.MockReleaseHandler.add_mock_release(:garden, "1.0.0", :permanent)
    :ok
  end

  test "can install a release" do
    assert :ok = Bloom.ReleaseManager.install_release("1.1.0")
  end

  test "can switch and roll back" do
    :ok = Bloom.ReleaseManager.install_release("1.1.0")
    assert :ok = Bloom.ReleaseManager.switch_release("1.1.0")
    assert {:ok, %{name: "garden", version: "1.1.0"}} = Bloom.ReleaseManager.current_release()
    assert :ok = Bloom.ReleaseManager.rollback_release()
  end
end
