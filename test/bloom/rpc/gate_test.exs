defmodule Bloom.RPC.GateTest do
  # From this node itself; test/integration/rpc_test.exs calls from another one.
  use ExUnit.Case

  alias Bloom.{Config, Metadata, RPC}
  alias Bloom.RPC.{Throttle, Token}

  @secret "a secret of enough bytes"
  @options [:require_authentication, :shared_secret, :previous_shared_secret, :allowed_ips, :rpc_max_failures]

  setup do
    :ets.delete_all_objects(Throttle)

    on_exit(fn ->
      :ets.delete_all_objects(Throttle)
      for option <- @options, do: Application.delete_env(:bloom, option)
    end)
  end

  defp configure(options), do: for({option, value} <- options, do: Application.put_env(:bloom, option, value))

  defp token(operation, arguments, secret \\ @secret),
    do: Token.create(operation, arguments, secret: secret, node: node())

  defp last, do: with({:ok, [entry]} <- Metadata.get_audit(limit: 1), do: entry)

  describe "with authentication" do
    setup do
      configure(require_authentication: true, shared_secret: @secret)
      :ok
    end

    test "a call needs a token, which is good once" do
      assert {:error, %{code: :token_missing}} = RPC.call(:status, [])
      token = token(:status, [])
      assert {:ok, :idle} = RPC.call(:status, [], token)
      assert {:error, %{code: :token_replayed}} = RPC.call(:status, [], token)
      assert {:error, %{code: :token_invalid}} = RPC.call(:status, [], token(:current, []))

      assert {:error, %{code: :token_invalid}} =
               RPC.call(:status, [], token(:status, [], "another one of enough bytes"))
    end

    test "so do the README's functions, with the arguments that stand before it" do
      assert RPC.status(token(:status, [])) == :idle
      assert {:error, "this node asks for a token" <> _} = RPC.status()
      assert {:error, "Invalid version format" <> _} = RPC.install_release("abc", token(:install, ["abc"]))
      assert {:error, "Invalid version format" <> _} = RPC.switch_release("abc", token(:switch, ["abc"]))
      token = token(:switch, ["abc", [mode: :hot]])
      assert {:error, "Invalid version format" <> _} = RPC.switch_release("abc", [mode: :hot], token)
      assert {:error, "Invalid version format" <> _} = RPC.remove_release("abc", token(:remove, ["abc"]))
      assert {:error, "Invalid version format" <> _} = RPC.plan("abc", token(:plan, ["abc"]))
      assert {:error, "no deployment is in progress" <> _} = RPC.cancel(token(:cancel, []))
      assert {:ok, _deployments} = RPC.history(token(:history, []))
    end

    test "the secret before that one is good too, until it is taken away" do
      previous = "the secret before that one"
      configure(previous_shared_secret: previous)
      assert {:ok, :idle} = RPC.call(:status, [], token(:status, [], previous))
      assert {:ok, :idle} = RPC.call(:status, [], token(:status, []))
      configure(previous_shared_secret: nil)
      assert {:error, %{code: :token_invalid}} = RPC.call(:status, [], token(:status, [], previous))
    end

    test "after too many wrong tokens a good one has to wait as well" do
      configure(rpc_max_failures: 3)
      for _call <- 1..3, do: assert({:ok, :idle} = RPC.call(:status, [], token(:status, [])))
      for _call <- 1..3, do: assert({:error, %{code: :token_invalid}} = RPC.call(:status, [], "bloom1.AAAA"))
      assert {:error, %{code: :rate_limited, message: message}} = RPC.call(:status, [], token(:status, []))
      assert message =~ ~r/looked at in \d+ s/
    end

    test "who has no token, or one that is too old or used, keeps nobody out" do
      configure(rpc_max_failures: 1)
      used = token(:status, [])
      assert {:ok, :idle} = RPC.call(:status, [], used)
      old = Token.create(:status, [], secret: @secret, node: node(), time: System.os_time(:second) - 3600)

      for {token, code} <- [{nil, :token_missing}, {used, :token_replayed}, {old, :token_expired}] do
        assert {:error, %{code: ^code}} = RPC.call(:status, [], token)
        assert {:ok, :idle} = RPC.call(:status, [], token(:status, []))
      end
    end

    test "a node without a usable secret lets nobody in" do
      for secret <- [nil, "", "short", :secret] do
        configure(shared_secret: secret)
        assert {:error, %{code: :unauthorized}} = RPC.call(:status, [], token(:status, [], "#{secret}"))
      end
    end

    test "neither secret nor token is in the log, and what was refused is" do
      token = token(:remove, ["1.1.0"], "another one of enough bytes")
      assert {:error, %{code: :token_invalid} = error} = RPC.call(:remove, ["1.1.0"], token)
      refute inspect(error) =~ @secret
      entry = last()

      assert %{who: "this node", operation: "remove", arguments: ["1.1.0"], result: "token_invalid: " <> _} = entry

      refute inspect(entry) =~ token

      RPC.call(:install, [token, @secret])
      assert %{operation: "install", arguments: ["[token]", "[hidden]"]} = last()
      assert {:ok, %{rows: _}} = Metadata.verify_audit()
    end
  end

  describe "allowed_ips" do
    test "this node is allowed by name only" do
      configure(allowed_ips: ["127.0.0.1", "::1"])
      assert {:error, %{code: :address_not_allowed, message: message}} = RPC.call(:status, [])
      assert message =~ "this node itself"
      assert %{who: "this node", operation: "status", result: "address_not_allowed: " <> _} = last()
      configure(allowed_ips: [:local])
      assert {:ok, :idle} = RPC.call(:status, [])
    end

    test "nothing is allowed by what cannot be understood" do
      configure(allowed_ips: ["localhost", :local])
      assert {:error, %{code: :address_not_allowed}} = RPC.call(:status, [])
    end

    test "who is spawned by one that has ended comes from nowhere" do
      configure(allowed_ips: [:local])
      test = self()

      spawn(fn ->
        parent = self()

        spawn(fn ->
          ref = Process.monitor(parent)
          receive(do: ({:DOWN, ^ref, :process, ^parent, _reason} -> send(test, RPC.call(:status, []))))
        end)
      end)

      assert_receive {:error, %{code: :address_not_allowed, message: "the call comes from an unknown origin" <> _}}
    end

    test "what comes by way of rex comes from nowhere, whatever it claims" do
      configure(allowed_ips: [:local])
      request = {:call, RPC, :call, [:status, []], Process.group_leader()}
      assert {:error, %{code: :address_not_allowed}} = GenServer.call(:rex, request)
      assert %{who: "an unknown origin"} = last()
      configure(allowed_ips: nil)
      assert {:ok, :idle} = GenServer.call(:rex, request)
    end
  end

  defmodule LeaderHandler do
    def which_releases, do: raise("led by #{node(Process.group_leader())}")
  end

  test "what a call from another node logs stays on this one, and a remote shell keeps its output" do
    Application.put_env(:bloom, :release_handler, LeaderHandler)
    on_exit(fn -> Application.delete_env(:bloom, :release_handler) end)
    # NEW_PID_EXT of a process of another node.
    name = "other@host"
    elsewhere = :erlang.binary_to_term(<<131, 88, 119, byte_size(name), name::binary, 7::32, 0::32, 1::32>>)
    own = Process.group_leader()
    Process.group_leader(self(), elsewhere)
    answer = RPC.call(:list, [])
    leader = Process.group_leader()
    Process.group_leader(self(), own)
    assert leader == elsewhere
    assert {:error, %{message: message}} = answer
    assert message =~ "led by #{node()}"
  end

  test "an operation that crashes is answered and written down" do
    Application.put_env(:bloom, :release_handler, Bloom.NoSuchHandler)
    on_exit(fn -> Application.delete_env(:bloom, :release_handler) end)
    assert {:error, %{code: :step_crashed, message: "the operation crashed" <> _}} = RPC.call(:list, [])
    assert %{operation: "list", result: "step_crashed: " <> _} = last()
  end

  test "who listens is told of calls, without their arguments" do
    :ok = Bloom.Telemetry.subscribe()
    on_exit(fn -> Bloom.Telemetry.unsubscribe() end)
    RPC.call(:install, ["abc"])
    assert_receive {:bloom_event, [:bloom, :rpc, :start], _measured, %{operation: "install", who: "this node"}}
    assert_receive {:bloom_event, [:bloom, :rpc, :stop], %{duration: _}, %{result: :error, code: :invalid_version}}
  end

  test "anything at all is answered and written down" do
    for {operation, arguments} <- [{"status", []}, {{1, 2}, []}, {:status, :none}, {:status, [self()]}, {nil, nil}] do
      assert {:error, %{code: code}} = RPC.call(operation, arguments)
      assert code in [:unknown_operation, :wrong_arguments]
    end

    assert %{operation: "nil", arguments: [nil]} = last()
  end

  test "so is what says that it is a struct and is none" do
    for module <- [Date, DateTime, MapSet, Version, Range, Regex, Bloom.Error, NoSuchModule, 1],
        fake = %{__struct__: module},
        arguments <- [[fake], fake, [[mode: fake]], ["1.2.3", [fake]]] do
      assert {:error, %{code: _code}} = RPC.call(:switch, arguments)
      assert %{operation: "switch", result: result} = last()
      assert RPC.call(fake, arguments) |> elem(0) == :error
      assert %{operation: "%{" <> _, result: "unknown_operation: " <> _} = last()
      refute result =~ "crashed"
    end

    configure(require_authentication: true, shared_secret: @secret)
    fake = [%{__struct__: Date}]
    assert {:error, %{code: :invalid_version}} = RPC.call(:switch, fake, token(:switch, fake))
    assert {:error, %{code: :token_invalid}} = RPC.call(:switch, fake, %{__struct__: Date})
  end

  test "what an answer quotes of the arguments is no secret in the log" do
    configure(shared_secret: @secret)
    token = token(:status, [])

    for secret <- [@secret, token, <<255, @secret::binary>>, String.to_charlist(@secret), {:a, @secret}] do
      assert {:error, %{code: :invalid_version}} = RPC.call(:install, [secret])
      entry = inspect(last(), limit: :infinity)
      assert entry =~ "invalid_version: "

      for text <- [@secret, token, inspect(:binary.bin_to_list(@secret), charlists: :as_lists)],
          do: refute(entry =~ text)
    end

    assert {:error, %{code: :invalid_version}} = RPC.call(:install, ["abc"])
    assert %{result: "invalid_version: Invalid version format: abc" <> _} = last()
  end

  test "secrets that are too short or missing are refused at the start, without showing them" do
    assert Config.problems(require_authentication: true, shared_secret: @secret) == []
    assert [problem] = Config.problems(require_authentication: true, shared_secret: "hunter2")
    assert problem =~ "needs 16 at least"
    refute problem =~ "hunter2"
    assert [_] = Config.problems(require_authentication: true)

    assert [_] =
             Config.problems(require_authentication: true, shared_secret: @secret, previous_shared_secret: "hunter2")

    assert [problem] = Config.problems(shared_secret: {:system, "hunter2"})
    refute problem =~ "hunter2"
  end
end
