defmodule Bloom.Test.ReleaseCase do
  @moduledoc """
  A test case on a real release: garden, deployed and started by its own launcher, on loopback.

      @tag garden: "1.1.0"          # what is started, 1.0.0 by default
      @tag restart: true            # started again whenever it ends
      test "…", %{node: node} do
  """

  use ExUnit.CaseTemplate

  alias Bloom.Test.{Garden, Node}

  using do
    quote do
      import Bloom.Test.ReleaseCase

      alias Bloom.Test.{HTTP, Load, Node}

      @moduletag :integration
      @moduletag timeout: 180_000
    end
  end

  setup context do
    root = Path.join(System.tmp_dir!(), "bloom-garden-#{System.pid()}-#{System.unique_integer([:positive])}")
    on_exit(fn -> File.rm_rf!(root) end)
    Node.deploy(Garden.archive(Map.get(context, :garden, "1.0.0")), root)
    {:ok, node} = Node.start(root, env: Map.get(context, :env, []), restart: Map.get(context, :restart, false))
    %{node: node, root: root}
  end

  @doc "Copies the archive of a version to the node and installs it."
  def install(node, version) do
    Node.upload(node, Garden.archive(version))
    Node.rpc(node, Bloom.ReleaseManager, :install_release, [version])
  end

  @doc "Switches the node to an installed version, to the end of its probation."
  def switch(node, version, opts \\ [wait: :commit]) do
    Node.rpc(node, Bloom.ReleaseManager, :switch_release, [version, opts])
  end

  @doc "Rolls the node back, to the end of its probation."
  def rollback(node), do: Node.rpc(node, Bloom.ReleaseManager, :rollback_release, [[wait: :commit]])

  @doc "The version that the node says it runs."
  def running(node) do
    {:ok, %{version: version}} = Node.rpc(node, Bloom.ReleaseManager, :current_release, [])
    version
  end

  @doc "Waits until no deployment is in progress."
  def await_idle(node) do
    case Node.rpc(node, Bloom, :status, []) do
      :idle -> :ok
      _busy -> receive(after: (20 -> await_idle(node)))
    end
  end

  @doc "Every environment of every loaded application, in an order that can be compared."
  def environment(node) do
    node
    |> Node.eval("Bloom.AppEnv.snapshot().env")
    |> Enum.map(fn {app, env} -> {app, Enum.sort(env)} end)
    |> Enum.sort()
  end
end
