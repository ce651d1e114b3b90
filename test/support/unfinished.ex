defmodule Bloom.Test.Unfinished do
  @moduledoc "A switch from 1.0.0 to 1.1.0 that has no end in the journal, for tests on `Bloom.Test.FakeRootCase`."

  import Bloom.Test.FakeRootCase, only: [put_option: 2, release: 2]
  import ExUnit.CaptureLog, only: [with_log: 1]

  alias Bloom.Deployment.{Context, Recovery, Status}
  alias Bloom.{Metadata, MockReleaseHandler}
  alias Bloom.Test.FakeRoot

  @doc "For `setup`. The release handler says what runs, see `runs/1`."
  def open_switch(%{path: path}) do
    put_option(:release_handler, MockReleaseHandler)
    MockReleaseHandler.clear_releases()
    root = FakeRoot.make(path, [release("1.1.0", :old), release("1.0.0", :permanent)])
    Status.begin(:switch, "1.1.0", nil)
    ExUnit.Callbacks.on_exit(&Status.clear/0)
    {:ok, id} = Metadata.start_deployment(%{operation: :switch, version: "1.1.0", from_version: "1.0.0"})
    {:ok, id: id, root: root}
  end

  @doc "A hook that sends `{:told, info}` to the test: it runs in a process of its own."
  def telling, do: {__MODULE__, :told, [self()]}

  @doc false
  def told(info, test) do
    send(test, {:told, info})
    :ok
  end

  @doc "This release runs."
  def runs(version), do: MockReleaseHandler.add_mock_release(:garden, version, :current)

  @doc "A step has begun, and ended where it has a result."
  def ran(id, step, result \\ nil) do
    {:ok, entry} = Metadata.start_step(id, step, :run)
    if result, do: :ok = Metadata.finish_step(entry, result)
  end

  @doc "Settles it as `Bloom.Deployment.Recovery.unfinished/0` has it done, which looks at the root of this VM."
  def settle(root, settle \\ &Recovery.settle/1) do
    {:ok, deployment} = Metadata.unfinished_deployment()
    with_log(fn -> settle.({Context.from_journal(deployment, root), deployment.steps}) end)
  end

  @doc "What the journal has of a deployment."
  def deployment(id) do
    {:ok, deployment} = Metadata.get_deployment(id)
    deployment
  end
end
