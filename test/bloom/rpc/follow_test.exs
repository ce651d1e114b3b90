defmodule Bloom.RPC.FollowTest do
  # The account of the deployment in progress is one for the whole VM.
  use ExUnit.Case, async: false

  alias Bloom.Deployment.Status
  alias Bloom.RPC.Follow

  setup do
    on_exit(&Status.clear/0)
  end

  test "where nothing is in progress it says so and ends" do
    assert Follow.start(self()) == :ok
    assert_receive {:bloom_follow, %{event: :idle}}
    refute_receive {:bloom_follow, _more}, 300
  end

  test "what is in progress is told at once, then every change, then the end" do
    Status.begin(:switch, "1.1.0", nil)
    :ok = Follow.start(self())

    assert_receive {:bloom_follow, %{event: :progress, operation: :switch, version: "1.1.0", stage: :starting}}
    Status.stage(:stage)
    Status.progress(1, 2)
    assert_receive {:bloom_follow, %{stage: :stage, progress: {1, 2}, elapsed_ms: _, probation_left_ms: nil}}
    Status.stage(:probation)
    Status.probation(60_000)
    assert_receive {:bloom_follow, %{stage: :probation, probation_left_ms: left}} when left in 1..60_000
    Status.clear()
    assert_receive {:bloom_follow, %{event: :ended} = event} when map_size(event) == 1
  end

  test "what has not changed is not told again" do
    Status.begin(:install, "1.1.0", nil)
    :ok = Follow.start(self())
    assert_receive {:bloom_follow, %{event: :progress}}
    refute_receive {:bloom_follow, _again}, 500
  end

  test "it ends with the process that it tells" do
    Status.begin(:install, "1.1.0", nil)
    told = spawn(fn -> receive(do: (:never -> :ok)) end)
    before = Process.list()
    :ok = Follow.start(told)
    follower = follower(before)
    ref = Process.monitor(follower)
    Process.exit(told, :kill)
    assert_receive {:DOWN, ^ref, :process, ^follower, :normal}
  end

  # It has to have begun.
  defp follower(before) do
    Enum.find(Process.list() -- before, &waits?/1) || receive(after: (10 -> follower(before)))
  end

  defp waits?(pid) do
    match?({:current_function, {Follow, :progress, 3}}, Process.info(pid, :current_function))
  end
end
