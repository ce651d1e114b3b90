defmodule Bloom.DeploymentTest do
  # With a release handler that waits until it is told to go on, so that a deployment can be looked at.
  use ExUnit.Case

  alias Bloom.{Deployment, Error, MockReleaseHandler}

  defmodule WaitingHandler do
    defdelegate which_releases(), to: MockReleaseHandler

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
    :sys.get_state(Deployment)
    assert Deployment.status() == :idle
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
