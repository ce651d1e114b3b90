defmodule Bloom.Test.ReleaseCase do
  @moduledoc """
  A test case on a real release: garden, deployed and started by its own launcher, on loopback.

      @tag garden: "1.1.0"          # what is started, 1.0.0 by default
      @tag restart: true            # started again whenever it ends
      test "…", %{node: node} do
  """

  use ExUnit.CaseTemplate

  alias Bloom.Test.{Garden, Node}
  alias Bloom.UpgradeCase

  using do
    quote do
      import Bloom.Test.ReleaseCase

      alias Bloom.Test.{HTTP, Load, Node}

      @moduletag :integration
      @moduletag timeout: 180_000
    end
  end

  setup context do
    archive = Garden.archive(Map.get(context, :garden, "1.0.0"))

    context
    |> Map.take([:env, :restart])
    |> Keyword.new()
    |> Node.options()
    |> Keyword.put(:from, archive)
    |> UpgradeCase.boot()
  end

  @doc "Starts the node of a root again. At the end of the test nothing is removed before it is gone."
  def start_again(root, opts \\ []) do
    {:ok, node} = Node.start(root, opts)
    on_exit(fn -> Node.await_down(node) end)
    node
  end

  @doc "Copies the archive of a version to the node and installs it."
  def install(node, version), do: UpgradeCase.install(node, Garden.archive(version))

  @doc "Switches the node to an installed version, to the end of its probation."
  defdelegate switch(node, version, opts \\ [wait: :commit]), to: UpgradeCase

  @doc "Rolls the node back, to the end of its probation."
  defdelegate rollback(node, opts \\ [wait: :commit]), to: UpgradeCase

  @doc "The version that the node says it runs."
  defdelegate running(node), to: UpgradeCase

  @doc "Waits until no deployment is in progress."
  defdelegate await_idle(node), to: Node

  @doc "A directory as the operating system has it, without links on the way there."
  def real(dir) do
    {dir, 0} = System.cmd("pwd", ["-P"], cd: dir)
    String.trim(dir)
  end

  @doc "Every environment of every loaded application, in an order that can be compared."
  def environment(node) do
    node
    |> Node.eval("Bloom.AppEnv.snapshot().env")
    |> Enum.map(fn {app, env} -> {app, Enum.sort(env)} end)
    |> Enum.sort()
  end
end
