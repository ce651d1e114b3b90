defmodule Bloom.RPC.Origin do
  @moduledoc """
  Where a call really comes from.

  Not where the caller says: its node is that of the process which spawned the one that runs here, as the VM has it, and its
  address is the other end of that node's connection. What has come by way of a process that works for others (`:rex` and
  `:net_kernel`, which do so for old nodes) is of nobody's.
  """

  alias Bloom.RPC.Addresses

  @type t :: %__MODULE__{
          node: node() | nil,
          address: :inet.ip_address() | :local | :unknown
        }

  defstruct node: nil, address: :unknown

  # A chain of parents that is longer than this is none of a call.
  @deepest 100

  @for_others [:rex, :net_kernel]

  @doc """
  Where the work of a process comes from.

      iex> Bloom.RPC.Origin.of(self()).address
      :local
  """
  @spec of(pid()) :: t()
  def of(pid), do: pid |> source(@deepest) |> origin()

  @doc """
  In words.

      iex> Bloom.RPC.Origin.describe(%Bloom.RPC.Origin{node: :"florist@10.0.0.7", address: {10, 0, 0, 7}})
      "florist@10.0.0.7 at 10.0.0.7"
      iex> Bloom.RPC.Origin.describe(%Bloom.RPC.Origin{node: node(), address: :local})
      "this node"
  """
  @spec describe(t()) :: String.t()
  def describe(%__MODULE__{address: :local}), do: "this node"
  def describe(%__MODULE__{node: nil}), do: "an unknown origin"
  def describe(%__MODULE__{node: node, address: :unknown}), do: "#{node} at an unknown address"
  def describe(%__MODULE__{node: node, address: address}), do: "#{node} at #{:inet.ntoa(address)}"

  # The node that spawned it, or :unknown.
  defp source(pid, _left) when node(pid) != node(), do: node(pid)
  defp source(_pid, 0), do: :unknown

  defp source(pid, left) do
    if pid in Enum.map(@for_others, &Process.whereis/1) do
      :unknown
    else
      case parent(pid) do
        :undefined -> node()
        # It has ended, and with it who had spawned that.
        nil -> :unknown
        parent -> source(parent, left - 1)
      end
    end
  end

  # What an application runs on is this node's, although who has started it is gone.
  defp parent(pid) do
    case Process.info(pid, [:group_leader, :parent]) do
      [group_leader: ^pid, parent: parent] ->
        if :application.get_application(pid) == :undefined, do: parent, else: :undefined

      [group_leader: _leader, parent: parent] ->
        parent

      nil ->
        nil
    end
  end

  defp origin(:unknown), do: %__MODULE__{}
  defp origin(node) when node == node(), do: %__MODULE__{node: node, address: :local}
  defp origin(node), do: %__MODULE__{node: node, address: address(node)}

  # {:net_address, {address, port}, host, protocol, family}; a socket of the file system has no address of its own.
  defp address(node) do
    case :net_kernel.node_info(node, :address) do
      {:ok, {:net_address, {address, _port}, _host, _protocol, family}} when family in [:inet, :inet6] ->
        Addresses.plain(address)

      _gone_or_other ->
        :unknown
    end
  end
end
