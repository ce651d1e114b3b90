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

  test "what is too large is only said to be" do
    assert ["[" <> _bytes] = Redaction.of([String.duplicate("x", 10_000)])
    assert String.length(Redaction.name(String.duplicate("x", 10_000))) <= 200
    assert Redaction.of(:none) == [:none]
  end
end
