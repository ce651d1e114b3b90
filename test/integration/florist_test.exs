defmodule Bloom.Integration.FloristTest do
  # The protocol of guides/florist.md, spoken by a second node that uses nothing of Bloom's.
  use ExUnit.Case, async: false

  alias Bloom.Test.{Garden, Node}

  @moduletag :integration
  @moduletag timeout: 180_000

  @secret "sixteen bytes at least, and these are more"

  setup_all do
    root = Path.join(System.tmp_dir!(), "bloom-florist-#{System.pid()}-#{System.unique_integer([:positive])}")
    on_exit(fn -> File.rm_rf!(root) end)
    archives = Garden.archives(["1.0.0", "1.1.0", "1.6.0-nif"])
    Node.deploy(archives["1.0.0"], root)
    env = [{"GARDEN_PROBATION_MS", "300"}, {"GARDEN_RESTARTED_BY", "this test"}]
    {:ok, node} = Node.start(root, env: env, restart: true)
    on_exit(fn -> Node.await_down(node) end)
    %{node: node.node, garden: node, archives: archives}
  end

  # As the guide has it.
  defp ask(node, operation, arguments, token \\ nil) do
    answer = :rpc.call(node, Bloom.RPC, :call, [operation, arguments, token], :infinity)
    # While a node restarts, what comes back is what Erlang says of that.
    assert match?({:badrpc, _reason}, answer) or plain?(answer), "not plain: #{inspect(answer)}"
    answer
  end

  defp plain?(%_struct{}), do: false
  defp plain?(map) when is_map(map), do: map |> Map.to_list() |> plain?()
  defp plain?(list) when is_list(list), do: Enum.all?(list, &plain?/1)
  defp plain?(tuple) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> plain?()
  defp plain?(term), do: is_atom(term) or is_number(term) or is_binary(term)

  defp bring(archive, path) do
    File.cp!(archive, path <> ".part")
    File.rename!(path <> ".part", path)
  end

  defp await_outcome(node, operation, version, since) do
    with {:ok, :idle} <- ask(node, :status, []),
         {:ok, history} <- ask(node, :history, []),
         %{outcome: outcome} when outcome != nil <-
           Enum.find(history, &(&1.id > since and &1.operation == operation and &1.version == version)) do
      outcome
    else
      _not_yet -> receive(after: (100 -> await_outcome(node, operation, version, since)))
    end
  end

  test "deploy, status, health-check and rollback", %{node: node, garden: garden, archives: archives} do
    assert {:ok, path} = ask(node, :archive, ["1.1.0"])
    bring(archives["1.1.0"], path)
    assert ask(node, :install, ["1.1.0"]) == :ok
    assert {:ok, %{decision: :hot, running: "1.0.0", target: "1.1.0"}} = ask(node, :plan, ["1.1.0"])

    # So that it is seen from here.
    Node.rpc(garden, Application, :put_env, [:bloom, :probation_ms, 3_000])
    deployed = Task.async(fn -> ask(node, :switch, ["1.1.0", [wait: :commit]]) end)
    stages = follow(node, [])
    assert Task.await(deployed, :infinity) == :ok
    assert :probation in stages
    Node.rpc(garden, Application, :put_env, [:bloom, :probation_ms, 300])

    assert ask(node, :current, []) == {:ok, %{name: "garden", version: "1.1.0", status: :permanent}}
    assert ask(node, :status, []) == {:ok, :idle}
    assert {:ok, [last]} = ask(node, :history, [[limit: 1]])
    assert %{operation: :switch, version: "1.1.0", from_version: "1.0.0", mode: :hot, outcome: :committed} = last
    assert %{reason: nil, started_at: <<_::binary-size(10), "T", _::binary>>, ended_at: _, requested_by: _} = last
    assert %{phase: :run, result: :ok, duration_us: _} = Enum.find(last.steps, &(&1.step == :switch))

    assert {:ok, %{healthy: true, checks: checks}} = ask(node, :health, [])
    assert %{critical: true, result: :ok, duration_ms: _} = Enum.find(checks, &(&1.name == :garden))

    assert ask(node, :rollback, [[wait: :commit]]) == :ok
    assert {:ok, %{version: "1.0.0"}} = ask(node, :current, [])
    assert {:ok, %{dry_run: true, removed: ["1.1.0"]}} = ask(node, :remove, ["1.1.0", [dry_run: true]])
    assert ask(node, :remove, ["1.1.0"]) == :ok
    assert {:ok, releases} = ask(node, :list, [])
    assert %{name: "garden", status: :permanent} = Enum.find(releases, &(&1.version == "1.0.0"))
    refute Enum.find(releases, &(&1.version == "1.1.0"))
    assert {:ok, %{rows: _, head: _}} = ask(node, :verify_audit, [])
  end

  # From when it has begun to its end.
  defp follow(node, stages) do
    if stages == [], do: :ok = ask_to_follow(node)

    receive do
      {:bloom_follow, %{event: :progress, operation: :switch, version: "1.1.0"} = status} ->
        assert %{stage: stage, progress: _, elapsed_ms: _, probation_left_ms: _} = status
        follow(node, [stage | stages])

      {:bloom_follow, %{event: :idle}} when stages == [] ->
        follow(node, [])

      {:bloom_follow, %{event: :ended}} ->
        stages
    end
  end

  defp ask_to_follow(node), do: :rpc.call(node, Bloom.RPC, :call, [:follow, [self()], nil], :infinity)

  test "errors have a code, words and a way out", %{node: node} do
    assert {:error, %{code: :invalid_version, message: message, suggestions: _}} = ask(node, :switch, ["abc"])
    assert message == "Invalid version format: abc. Expected format: X.Y.Z or X.Y.Z-suffix"
    assert {:error, %{code: :release_not_found, suggestions: [_ | _]}} = ask(node, :plan, ["7.0.0"])
    assert {:error, %{code: :nothing_to_cancel}} = ask(node, :cancel, [])
    assert {:error, %{code: :unknown_operation}} = ask(node, :prune, [])
    assert {:error, %{code: :wrong_arguments}} = ask(node, :switch, ["1.1.0", [mode: :fast]])
  end

  test "what a restart brings stands in the history", %{node: node, archives: archives} do
    {:ok, path} = ask(node, :archive, ["1.6.0-nif"])
    bring(archives["1.6.0-nif"], path)
    assert ask(node, :install, ["1.6.0-nif"]) == :ok
    {:ok, [%{id: since}]} = ask(node, :history, [[limit: 1]])

    assert ask(node, :switch, ["1.6.0-nif", [wait: :commit]]) == {:ok, :restarting}
    assert await_outcome(node, :switch, "1.6.0-nif", since) == :committed
    assert {:ok, %{version: "1.6.0-nif"}} = ask(node, :current, [])

    assert ask(node, :rollback, []) == {:ok, :restarting}
    assert await_outcome(node, :rollback, "1.0.0", since) == :committed
  end

  describe "with authentication" do
    setup %{garden: garden} do
      env = [require_authentication: true, shared_secret: @secret]
      for {option, value} <- env, do: Node.rpc(garden, Application, :put_env, [:bloom, option, value])
      on_exit(fn -> for {option, _} <- env, do: Node.rpc(garden, Application, :delete_env, [:bloom, option]) end)
    end

    test "a call is let in with a token of its own, once", %{node: node, garden: garden} do
      assert {:error, %{code: :token_missing}} = ask(node, :status, [])
      token = token(node, :status, [])
      assert ask(node, :status, [], token) == {:ok, :idle}
      assert {:error, %{code: :token_replayed}} = ask(node, :status, [], token)
      assert {:error, %{code: :token_invalid}} = ask(node, :current, [], token(node, :status, []))

      options = [[limit: 1]]
      {:ok, journal} = Node.rpc(garden, Bloom.Metadata, :get_deployment_history, options)
      assert {:ok, deployments} = ask(node, :history, options, token(node, :history, options))
      assert Enum.map(deployments, & &1.id) == Enum.map(journal, & &1.id)

      assert ask(node, :follow, [self()], token(node, :follow, [self()])) == :ok
      assert_receive {:bloom_follow, %{event: :idle}}, 5_000
    end

    test "the functions of the README take it as their last argument", %{node: node} do
      call = fn function, arguments -> :rpc.call(node, Bloom.RPC, function, arguments, :infinity) end
      assert {:ok, %{version: "1.0.0"}} = call.(:current_release, [token(node, :current, [])])
      # Other tests install releases as well.
      assert "1.0.0" in for(release <- call.(:list_releases, [token(node, :list, [])]), do: release.version)

      assert {:error, "Invalid version format: abc" <> _} =
               call.(:install_release, ["abc", token(node, :install, ["abc"])])

      assert {:error, message} = call.(:rollback_release, [])
      assert message =~ "token"
    end
  end

  # By the description in Bloom.RPC.Token, without its code.
  defp token(node, operation, arguments) do
    {time, nonce} = {System.os_time(:second), :crypto.strong_rand_bytes(16)}
    signed = bytes({"bloom rpc token 1", to_string(node), to_string(operation), arguments, time, nonce})
    mac = :crypto.mac(:hmac, :sha256, @secret, signed)
    "bloom1." <> Base.url_encode64(<<time::64>> <> nonce <> mac, padding: false)
  end

  defp bytes(list) when is_list(list), do: "l" <> many(list)
  defp bytes(tuple) when is_tuple(tuple), do: "t" <> many(Tuple.to_list(tuple))
  defp bytes(atom) when is_atom(atom), do: "a" <> sized(to_string(atom))
  defp bytes(integer) when is_integer(integer), do: "i" <> sized(to_string(integer))
  defp bytes(pid) when is_pid(pid), do: "p" <> sized("#{node(pid)}\0" <> numbers(:erlang.term_to_binary(pid)))
  defp bytes(binary), do: "b" <> sized(binary)

  # The id, the serial and the creation.
  defp numbers(external), do: binary_part(external, byte_size(external), -12)

  defp many(terms), do: <<length(terms)::64>> <> Enum.map_join(terms, &bytes/1)
  defp sized(binary), do: <<byte_size(binary)::64>> <> binary
end
