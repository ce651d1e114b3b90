defmodule Bloom.MockReleaseHandlerTest do
  use ExUnit.Case

  alias Bloom.MockReleaseHandler, as: Mock

  doctest Mock

  setup do
    Mock.clear_releases()
    Mock.add_mock_release(:my_app, "1.0.0", :permanent)
  end

  test "the installed release is current until it is made permanent, then the other one is old" do
    {:ok, ~c"1.1.0"} = Mock.unpack_release(~c"my_app-1.1.0")
    assert {:ok, ~c"1.0.0", _} = Mock.check_install_release(~c"1.1.0")
    assert {:ok, ~c"1.0.0", _} = Mock.install_release(~c"1.1.0")
    assert [{_, ~c"1.1.0", _, :current}, {_, ~c"1.0.0", _, :permanent}] = Mock.which_releases()
    assert :ok = Mock.make_permanent(~c"1.1.0")
    assert [{_, ~c"1.1.0", _, :permanent}, {_, ~c"1.0.0", _, :old}] = Mock.which_releases()
  end

  test "refuses as OTP does" do
    assert {:error, {:no_such_release, ~c"2.0.0"}} = Mock.install_release(~c"2.0.0")
    assert {:error, {:permanent, ~c"1.0.0"}} = Mock.set_removed(~c"1.0.0")
    {:ok, _} = Mock.unpack_release(~c"my_app-1.1.0")
    assert {:error, {:existing_release, ~c"1.1.0"}} = Mock.unpack_release(~c"my_app-1.1.0")
    assert {:error, {:bad_status, :unpacked}} = Mock.make_permanent(~c"1.1.0")
    {:ok, _, _} = Mock.install_release(~c"1.1.0")
    assert {:error, {:already_installed, ~c"1.1.0"}} = Mock.install_release(~c"1.1.0")
  end
end
