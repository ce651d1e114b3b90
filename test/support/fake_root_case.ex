defmodule Bloom.Test.FakeRootCase do
  @moduledoc "A test case on a root made of files alone, with a history of its own."

  use ExUnit.CaseTemplate

  alias Bloom.{LifecycleManager, Metadata}
  alias Bloom.Metadata.Store
  alias Bloom.Test.{FakeRoot, Node}

  @kernel "kernel-8.5"

  using do
    quote do
      import Bloom.Test.FakeRootCase
      import ExUnit.CaptureLog

      alias Bloom.{Error, LifecycleManager, Metadata, Root}
      alias Bloom.Test.{FakeRoot, Node}

      @moduletag :tmp_dir

      @kernel "kernel-8.5"
    end
  end

  setup %{tmp_dir: tmp_dir} do
    Application.put_env(:bloom, :app_root, tmp_dir)

    on_exit(fn ->
      Application.delete_env(:bloom, :app_root)
      Store.close()
    end)

    {:ok, path: Path.join(tmp_dir, "root")}
  end

  @doc "Sets an option for this test."
  def put_option(option, value) do
    Application.put_env(:bloom, option, value)
    on_exit(fn -> Application.delete_env(:bloom, option) end)
  end

  @doc "A release of its own library and a shared one."
  def release(version, status, opts \\ []), do: {version, [@kernel, "garden-#{version}"], status, opts}

  @doc "Three releases: 1.2.0 runs; the registration before it is what a rollback goes back to."
  def three(path), do: FakeRoot.make(path, for({v, s} <- statuses(), do: release(v, s)))

  @doc "Versions and statuses of `three/1`."
  def statuses, do: [{"1.2.0", :permanent}, {"1.1.0", :old}, {"1.0.0", :old}]

  @doc "So many releases, of which the last one runs."
  def many(path, count) do
    FakeRoot.make(path, [
      release("1.#{count}.0", :permanent) | for(n <- (count - 1)..1//-1, do: release("1.#{n}.0", :old))
    ])
  end

  @doc "Whether there is something of this name below the root."
  def there?(path, name), do: File.exists?(Path.join(path, name))

  @doc "The message with which a removal is refused, which changes nothing."
  def refused(root, version) do
    before = Node.tree(root.path)
    {:error, %Bloom.Error{code: :release_needed, message: message}} = LifecycleManager.remove(root, version)
    ^before = Node.tree(root.path)
    message
  end

  @doc "Starts a deployment in the journal."
  def begin(deployment) do
    {:ok, id} = Metadata.start_deployment(deployment)
    id
  end

  @doc "Committed switches, as `{to, from}`."
  def history(switches) do
    for {version, from} <- switches do
      :ok =
        %{operation: :switch, version: version, from_version: from}
        |> begin()
        |> Metadata.finish_deployment(:committed)
    end
  end
end
