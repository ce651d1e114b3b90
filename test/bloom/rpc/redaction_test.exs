defmodule Bloom.RPC.RedactionTest do
  use ExUnit.Case

  alias Bloom.RPC.{Redaction, Token}

  doctest Redaction

  @secret "a secret of enough bytes"

  setup do
    Application.put_env(:bloom, :shared_secret, @secret)
    on_exit(fn -> Application.delete_env(:bloom, :shared_secret) end)
  end

  test "no token and no secret is left, wherever it is" do
    token = Token.create(:status, [], secret: @secret, node: node())
    arguments = [token, "token=#{token}", @secret, %{key: {@secret, [token | "x#{@secret}"]}}, mode: :hot]
    left = inspect(Redaction.of(arguments), limit: :infinity)
    refute left =~ @secret
    refute left =~ token
    assert left =~ ":hot"
    refute Redaction.name({:switch, @secret}) =~ @secret
  end

  test "nor is one that is no text, or one in pieces, or a name" do
    charlist = String.to_charlist(@secret)
    {half, rest} = String.split_at(@secret, 5)

    for hidden <- [
          <<255, @secret::binary, 255>>,
          charlist,
          [0x1F33B | charlist],
          [half, rest],
          [half, [], String.to_charlist(rest)],
          [half | rest],
          String.to_atom(@secret),
          %{charlist => 1}
        ] do
      shown = Redaction.of([:install, hidden])
      refute shown |> :erlang.term_to_binary() |> String.contains?(@secret)
      refute inspect(shown) =~ half
      assert Redaction.message("no #{inspect(hidden)}", [:install, hidden]) == "[left out, as the arguments are]"
    end

    assert Redaction.of([~c"garden", [1, 2], [1 | 2], []]) == [~c"garden", [1, 2], [1 | 2], []]
    refute Redaction.message("what #{@secret} says", ["1.2.3"]) =~ @secret
  end

  test "what says that it is a struct and is none is looked through" do
    assert Redaction.of([%{__struct__: Date, secret: @secret}]) == [%{secret: "[hidden]"}]
    assert Redaction.of([%{__struct__: 1}]) == [%{__struct__: 1}]
  end

  test "what is too large is only said to be" do
    assert ["[" <> _bytes] = Redaction.of([String.duplicate("x", 10_000)])
    assert String.length(Redaction.name(String.duplicate("x", 10_000))) <= 200
    assert Redaction.of(:none) == [:none]
  end
end
