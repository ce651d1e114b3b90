defmodule Bloom.SupervisorTest do
  use ExUnit.Case, async: false

  alias Bloom.Deployment.Status

  test "an upgrade that changes its code finds the tables there, and leaves what is in them" do
    Status.begin(:install, "1.1.0", nil)
    on_exit(&Status.clear/0)

    # Asks the module for its children again, as `update` in a relup does.
    :ok = :sys.suspend(Bloom.Supervisor)
    changed = :sys.change_code(Bloom.Supervisor, Bloom.Supervisor, nil, [])
    :ok = :sys.resume(Bloom.Supervisor)

    assert changed == :ok
    assert %{operation: :install, version: "1.1.0"} = Status.get()
  end
end
