defmodule Bloom.Deployment.StatusTest do
  # The table is the node's.
  use ExUnit.Case, async: false

  alias Bloom.Deployment.Status

  setup do
    Status.begin(:switch, "1.1.0", nil)
    on_exit(&Status.clear/0)
    Status.remember(:deployment, 7)
  end

  test "a walk that takes over is in its own stage, and is still who asked's" do
    Status.probation(60_000)
    Status.take_over(:switch, "1.1.0")
    assert %{operation: :switch, version: "1.1.0", stage: :recover, probation_left_ms: nil} = Status.get()
    assert Status.remembered(:deployment) == 7
    refute Status.cancelled?()
  end

  test "a walk that takes over is still cancelled, and the next deployment is not" do
    Status.cancel()
    Status.take_over(:switch, "1.1.0")
    assert Status.cancelled?()
    Status.begin(:install, "1.2.0", nil)
    refute Status.cancelled?()
  end
end
