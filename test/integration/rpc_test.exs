defmodule Bloom.Integration.RPCTest do
  # A real release that asks for tokens, called from this node and from one that comes from another address.
  use Bloom.Test.ReleaseCase

  alias Bloom.{Native, RPC}
  alias Bloom.RPC.Token
  alias Bloom.Test.{CommandLine, Garden}

  @secret "a secret of enough bytes"
  @other "another one of enough bytes"

  defp token(node, operation, arguments, secret \\ @secret),
    do: Token.create(operation, arguments, secret: secret, node: node.node)

  defp call(node, operation, arguments \\ [], secret \\ @secret),
    do: :rpc.call(node.node, RPC, :call, [operation, arguments, token(node, operation, arguments, secret)], 60_000)

  defp code({:error, %{code: code}}), do: code
  defp code(answer), do: answer

  defp configure(node, option, value), do: Node.rpc(node, Application, :put_env, [:bloom, option, value])

  # Its name says 127.0.0.1, and its connections come from elsewhere.
  defp caller_at(address, node) do
    arguments = [
      ~c"-setcookie",
      node.node |> :erlang.get_cookie() |> Atom.to_charlist(),
      ~c"-kernel",
      ~c"inet_dist_use_interface",
      ~c"{127,0,0,1}",
      ~c"inet_dist_connect_options",
      ~c"[{ip,#{address}}]"
    ]

    options = %{
      name: :peer.random_name(),
      host: ~c"127.0.0.1",
      longnames: true,
      connection: :standard_io,
      args: arguments
    }

    {:ok, peer, _node} = :peer.start_link(options)
    peer
  end

  defp call_from(peer, node, operation, secret \\ @secret) do
    arguments = [operation, [], token(node, operation, [], secret)]
    :peer.call(peer, :rpc, :call, [node.node, RPC, :call, arguments], 60_000)
  end

  @tag env: [{"GARDEN_SECRET", @secret}], restart: true
  test "who may call, from where, once, and all of it written down", %{node: node} do
    # A deployment with a token, by the README's functions.
    Node.upload(node, Garden.archive("1.1.0"))
    assert :rpc.call(node.node, RPC, :install_release, ["1.1.0", token(node, :install, ["1.1.0"])], 60_000) == :ok
    assert [_, _] = :rpc.call(node.node, RPC, :list_releases, [token(node, :list, [])], 60_000)
    assert {:ok, [%{operation: :install, outcome: :installed}]} = call(node, :history)

    # No token, one for something else, one of somebody else, and one that is used again, after a restart too.
    assert code(:rpc.call(node.node, RPC, :call, [:status, []], 60_000)) == :token_missing
    assert code(call(node, :status, [], @other)) == :token_invalid

    assert code(:rpc.call(node.node, RPC, :call, [:remove, ["1.1.0"], token(node, :install, ["1.1.0"])])) ==
             :token_invalid

    used = token(node, :status, [])
    assert {:ok, :idle} = :rpc.call(node.node, RPC, :call, [:status, [], used])
    assert code(:rpc.call(node.node, RPC, :call, [:status, [], used])) == :token_replayed
    :ok = Node.kill(node)
    assert code(:rpc.call(node.node, RPC, :call, [:status, [], used])) == :token_replayed

    # bin/bloom makes its own tokens, one for a process of its own too.
    assert {5, "status: this node asks for a token" <> _rest} = CommandLine.run(node, ["status"])
    secret = [{"BLOOM_SECRET", @secret}]
    assert {0, "no deployment is in progress\n"} = CommandLine.run(node, ["follow"], secret)

    # What counts is the address that the connection comes from.
    elsewhere = caller_at("{127,0,0,2}", node)
    assert {:ok, :idle} = call_from(elsewhere, node, :status)
    configure(node, :allowed_ips, ["127.0.0.1"])
    assert code(call_from(elsewhere, node, :status)) == :address_not_allowed
    assert {:ok, :idle} = call(node, :status)
    configure(node, :allowed_ips, ["127.0.0.2/31"])
    assert {:ok, :idle} = call_from(elsewhere, node, :status)
    assert code(call(node, :status)) == :address_not_allowed

    # By way of a server of the node, from a process of the node, and with a group leader of it.
    configure(node, :allowed_ips, [:local])
    asked = [:status, [], token(node, :status, [])]
    assert code(:rpc.block_call(node.node, RPC, :call, asked)) == :address_not_allowed
    leader = Node.rpc(node, Process, :whereis, [:user])
    mine = Process.group_leader()
    Process.group_leader(self(), leader)
    assert code(call(node, :status)) == :address_not_allowed
    Process.group_leader(self(), mine)

    local =
      "Agent.get(Garden.Almanac, fn _state -> Bloom.RPC.call(:status, [], #{inspect(token(node, :status, []))}) end)"

    assert {:ok, :idle} = Node.eval(node, local)

    # Who sends wrong tokens has to wait, and nobody else has.
    configure(node, :allowed_ips, nil)
    for _call <- 1..5, do: assert(code(call_from(elsewhere, node, :status, @other)) == :token_invalid)
    assert code(call_from(elsewhere, node, :status)) == :rate_limited
    assert {:ok, :idle} = call(node, :status)

    # All of that is in the log, and nobody can change that unseen.
    {:ok, log} = Node.rpc(node, Bloom.Metadata, :get_audit, [[limit: 100]])
    assert [%{who: who, arguments: ["1.1.0"], result: ":ok"}] = Enum.filter(log, &(&1.operation == "install"))
    assert who == "#{node()} at 127.0.0.1"
    assert Enum.any?(log, &(&1.who =~ ~r/ at 127\.0\.0\.2$/ and &1.result =~ "address_not_allowed"))
    assert Enum.any?(log, &(&1.who == "an unknown origin"))
    refute inspect(log, limit: :infinity, printable_limit: :infinity) =~ @secret
    assert {:ok, %{rows: rows, head: _head}} = call(node, :verify_audit)
    assert rows >= length(log)

    {:ok, store} = Native.store_open(Path.join(node.root, "bloom.db"))
    {:ok, []} = Native.store_query(store, "UPDATE audit SET who = 'nobody' WHERE operation = 'install'", [])
    :ok = Native.store_close(store)
    assert {:error, %{code: :audit_broken, message: message}} = call(node, :verify_audit)
    assert message =~ "at row 1: it was changed"
  end
end
