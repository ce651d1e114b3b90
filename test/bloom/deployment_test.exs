defmodule Bloom.DeploymentTest do
  use ExUnit.Case

  alias Bloom.{Deployment, Error}

  # A deployment that waits in a stage until it is told to go on.
  defp start(stage) do
    test = self()

    task =
      Task.async(fn ->
        Deployment.run(:install, "1.1.0", fn control ->
          control.report.(stage)
          send(test, {:in_stage, self(), control})
          receive(do: (:go_on -> :done))
        end)
      end)

    receive(do: ({:in_stage, driver, control} -> {task, driver, control}))
  end

  test "is idle, then busy in a stage with its progress, then idle again" do
    assert Deployment.status() == :idle
    {task, driver, control} = start(:stage)
    assert %{operation: :install, version: "1.1.0", stage: :stage, progress: nil} = Deployment.status()

    {server, ref} = control.watch.progress
    send(server, {:bloom_progress, ref, 10, 100})
    assert %{progress: {10, 100}} = Deployment.status()

    send(driver, :go_on)
    assert Task.await(task) == :done
    assert Deployment.status() == :idle
  end

  test "refuses a second one by name, and is cancelled only while it unpacks" do
    {task, driver, control} = start(:rehearse)
    assert {:error, %Error{code: :deployment_in_progress, message: message}} = Deployment.run(:switch, "1.2.0", & &1)
    assert message == "install of release 1.1.0 is in progress (rehearse)"
    assert {:error, %Error{code: :not_cancellable}} = Deployment.cancel()

    control.report.(:stage)
    assert :ok = Deployment.cancel()
    send(driver, :go_on)
    Task.await(task)
    assert {:error, %Error{code: :nothing_to_cancel}} = Deployment.cancel()
  end

  @tag :capture_log
  test "a driver that crashes is an error with its reason, and the next one runs" do
    assert {:error, %Error{code: :deployment_crashed, suggestions: [why]}} =
             Deployment.run(:switch, "1.1.0", fn _control -> raise "boom" end)

    assert why =~ "boom"
    assert Deployment.run(:switch, "1.1.0", fn _control -> :next end) == :next
  end

  test "the driver hangs in no supervision tree and is linked to nobody" do
    {task, driver, _control} = start(:switch)
    assert Process.info(driver, :links) == {:links, []}
    assert Process.info(driver, :group_leader) == {:group_leader, Process.whereis(:init)}
    send(driver, :go_on)
    Task.await(task)
  end
end
