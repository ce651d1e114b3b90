defmodule Demo.Operation do
  # What is asked of the node, with its progress.

  alias Bloom.Test.Node
  alias Demo.Show

  @stages [:starting, :verify, :stage, :plan, :register, :rehearse, :switch, :probation, :undo, :commit]

  @doc "Installs a version, shows its plan and switches to it, to the end of its probation."
  def upgrade(node, archives, version) do
    with :ok <- install(node, archives, version) do
      node |> Node.rpc(Bloom, :plan, [version]) |> Show.plan()
      run(node, "switch to #{version}", :switch_release, [version, [wait: :commit]])
    end
  end

  def install(node, archives, version) do
    Node.upload(node, archives[version])
    run(node, "install #{version}", :install_release, [version])
  end

  def run(node, title, function, arguments) do
    Show.step(title, fn -> Node.rpc(node, Bloom.ReleaseManager, function, arguments) end, fn ->
      case Node.rpc(node, Bloom, :status, []) do
        :idle -> {0, "starting"}
        %{stage: stage} -> {(Enum.find_index(@stages, &(&1 == stage)) || 0) / length(@stages), stage}
      end
    end)
  end
end
