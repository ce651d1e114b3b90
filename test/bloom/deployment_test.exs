defmodule Bloom.DeploymentTest do
  # With a release handler that waits until it is told to go on, so that a deployment can be looked at.
  use ExUnit.Case

  alias Bloom.{Deployment, Error, Metadata, MockReleaseHandler}
  alias Bloom.Deployment.Recovery

  defmodule WaitingHandler do
    defdelegate which_releases(), to: MockReleaseHandler
    defdelegate check_install_release(vsn), to: MockReleaseHandler
    defdelegate install_release(vsn), to: MockReleaseHandler
    defdelegate make_permanent(vsn), to: MockReleaseHandler

    def unpack_release(name) do
      send(Application.fetch_env!(:bloom, :waiting_test), {:waiting, self()})

      receive do
        :go_on -> MockReleaseHandler.unpack_release(name)
        :crash -> raise "boom"
      end
    end
  end

  setup do
    put = [release_handler: WaitingHandler, skip_file_checks: true, waiting_test: self()]
    for {key, value} <- put, do: Application.put_env(:bloom, key, value)
    on_exit(fn -> for {key, _value} <- put, do: Application.delete_env(:bloom, key) end)
    MockReleaseHandler.clear_releases()
    MockReleaseHandler.add_mock_release(:my_app, "1.0.0", :permanent)
  end

  defp start do
    task = Task.async(fn -> Deployment.run(:install, "1.1.0") end)
    assert_receive {:waiting, driver}
    {task, driver}
  end

  defp go_on({task, driver}) do
    send(driver, :go_on)
    Task.await(task)
  end

  test "is idle, then busy in a stage with its progress, then idle again" do
    assert Deployment.status() == :idle
    deployment = start()
    assert %{operation: :install, version: "1.1.0", stage: :unchecked, progress: nil} = Deployment.status()

    send(Deployment, {:bloom_progress, make_ref(), 10, 100})
    :sys.get_state(Deployment)
    assert %{progress: {10, 100}, probation_left_ms: nil} = Deployment.status()

    assert go_on(deployment) == :ok
    assert Deployment.status() == :idle
  end

  test "refuses a second one by name" do
    deployment = start()
    assert {:error, %Error{code: :deployment_in_progress, message: message}} = Deployment.run(:switch, "1.2.0")
    assert message == "install of release 1.1.0 is in progress (unchecked)"
    assert go_on(deployment) == :ok
    assert {:error, %Error{code: :nothing_to_cancel}} = Deployment.cancel()
  end

  @tag :capture_log
  test "a step that crashes is an error with its reason, and the next deployment runs" do
    {task, driver} = start()
    send(driver, :crash)
    assert {:error, %Error{code: :step_crashed, message: "step unchecked crashed: " <> why}} = Task.await(task)
    assert why =~ "boom"
    assert go_on(start()) == :ok
  end

  @tag :capture_log
  test "whoever asked is told when the driver is killed, and the next deployment runs" do
    {task, driver} = start()
    Process.exit(driver, :kill)
    assert {:error, %Error{code: :interrupted}} = Task.await(task)
    assert Deployment.status() == :idle
    assert go_on(start()) == :ok
  end

  @tag :capture_log
  test "deployments that were killed and settled are not counted against the next ones" do
    for _deployment <- 1..6 do
      {task, driver} = start()
      Process.exit(driver, :kill)
      assert {:error, %Error{code: :interrupted}} = Task.await(task)
    end
  end

  describe "a driver that is killed when the end is in the history" do
    # What is logged is handled in the process that logs it.
    def log(%{msg: {:string, text}}, _config) do
      if IO.chardata_to_string(text) =~ "of release 1.1.0 ended", do: Process.exit(self(), :kill)
    end

    def log(_other, _config), do: :ok

    setup do
      :ok = :logger.add_handler(__MODULE__, __MODULE__, %{level: :info})
      on_exit(fn -> :logger.remove_handler(__MODULE__) end)
    end

    @tag :capture_log
    test "has done what was asked for" do
      deployment = start()
      assert go_on(deployment) == :ok
      assert Deployment.run(:switch, "1.1.0") == :ok
      assert Deployment.status() == :idle
      assert {:ok, [%{outcome: :committed}, %{outcome: :installed} | _]} = Metadata.get_deployment_history()
    end

    @tag :capture_log
    test "is not taken for the next one, which is killed before its end" do
      assert go_on(start()) == :ok
      {task, driver} = start()
      Process.exit(driver, :kill)
      assert {:error, %Error{code: :interrupted, suggestions: [look | _]}} = Task.await(task)
      assert look =~ "get_deployment_history"
    end
  end

  describe "what came of a deployment in the history" do
    defp came_of(outcome, reason) do
      {:ok, id} = Metadata.start_deployment(%{operation: :switch, version: "1.1.0", from_version: "1.0.0"})
      :ok = Metadata.finish_deployment(id, outcome, reason)
      Recovery.came_of(id)
    end

    test "is the answer, in the code that it would have had" do
      assert came_of(:committed, nil) == :ok
      assert {:error, %Error{code: :taken_back, message: "drought"}} = came_of(:taken_back, "drought")
      assert {:error, %Error{code: :cancelled, message: "cancelled"}} = came_of(:cancelled, "cancelled")
      assert {:error, %Error{code: :interrupted, message: message}} = came_of(:failed, "no room")
      assert message == "switch of release 1.1.0 failed: no room"
    end

    test "is nothing where it never began" do
      assert {:error, %Error{code: :interrupted, message: message}} = Recovery.came_of(nil)
      assert message == "the deployment was interrupted before it had begun"
    end
  end

  @tag :capture_log
  test "a driver outlives the server, which goes on refusing a second one" do
    {task, driver} = start()
    server = Process.whereis(Deployment)
    ref = Process.monitor(server)
    Process.exit(server, :kill)
    assert_receive {:DOWN, ^ref, :process, ^server, :killed}
    assert {:error, %Error{code: :interrupted}} = Task.await(task)

    assert {:error, %Error{code: :deployment_in_progress}} = run_when_started(:switch, "1.2.0")
    assert %{version: "1.1.0"} = Deployment.status()
    ref = Process.monitor(driver)
    send(driver, :go_on)
    assert_receive {:DOWN, ^ref, :process, ^driver, {:done, :ok}}
    await_idle()
  end

  # The server hears of the end by itself.
  defp await_idle do
    if Deployment.status() != :idle, do: receive(after: (10 -> await_idle()))
  end

  # Its supervisor may not have started it again yet.
  defp run_when_started(operation, version) do
    with {:error, %Error{code: :not_started}} <- Deployment.run(operation, version) do
      run_when_started(operation, version)
    end
  end

  test "the driver hangs in no supervision tree and is linked to nobody" do
    {_task, driver} = deployment = start()
    assert Process.info(driver, :links) == {:links, []}
    assert Process.info(driver, :group_leader) == {:group_leader, Process.whereis(:init)}
    go_on(deployment)
  end
end
