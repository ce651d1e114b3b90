defmodule Bloom.ReleasesTest do
  # With a deployment that stands still, and says of itself what the test needs.
  use ExUnit.Case

  alias Bloom.{Deployment, Error, MockReleaseHandler, Releases}
  alias Bloom.Deployment.Status

  defmodule StandingHandler do
    defdelegate which_releases(), to: MockReleaseHandler

    def unpack_release(_name) do
      send(Application.fetch_env!(:bloom, :standing_test), {:standing, self()})
      receive(do: (go_on when go_on in [:bloom_cancel, :go_on] -> {:error, go_on}))
    end
  end

  setup do
    put = [release_handler: StandingHandler, skip_file_checks: true, standing_test: self()]
    for {key, value} <- put, do: Application.put_env(:bloom, key, value)
    on_exit(fn -> for {key, _value} <- put, do: Application.delete_env(:bloom, key) end)
    MockReleaseHandler.clear_releases()
    MockReleaseHandler.add_mock_release(:my_app, "1.0.0", :old)
    MockReleaseHandler.add_mock_release(:my_app, "1.1.0", :permanent)
  end

  defp on_probation(operation, version) do
    task = Task.async(fn -> Deployment.run(:install, "1.2.0") end)
    assert_receive {:standing, driver}
    Status.begin(operation, version, nil)
    Status.stage(:probation)
    {task, driver}
  end

  @tag :capture_log
  test "a rollback takes back a switch that is on probation" do
    {task, _driver} = on_probation(:switch, "1.2.0")
    Releases.rollback()
    assert {:error, %Error{message: message}} = Task.await(task)
    assert message =~ "cancel"
  end

  @tag :capture_log
  test "a rollback on probation is not taken back by another one" do
    {task, driver} = on_probation(:rollback, "1.0.0")
    assert {:error, %Error{code: :deployment_in_progress, message: message}} = Releases.rollback()
    assert message =~ "rollback of release 1.0.0 is in progress"
    send(driver, :go_on)
    assert {:error, %Error{}} = Task.await(task)
  end
end
