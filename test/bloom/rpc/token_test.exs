defmodule Bloom.RPC.TokenTest do
  # The name of the node goes into a token, and tests beside it may give it one.
  use ExUnit.Case, async: false

  alias Bloom.Error
  alias Bloom.RPC.Token

  doctest Token

  @secret "a secret of enough bytes"
  @now 1_700_000_000

  defp create(operation \\ :switch, arguments \\ ["1.1.0", [mode: :hot]], opts \\ []) do
    Token.create(operation, arguments, Keyword.merge([secret: @secret, node: node(), time: @now], opts))
  end

  defp verify(token, operation \\ :switch, arguments \\ ["1.1.0", [mode: :hot]], secrets \\ [@secret], now \\ @now) do
    with {:error, %Error{code: code}} <- Token.verify(token, operation, arguments, secrets, now), do: code
  end

  test "is good for its call" do
    assert {:ok, %{nonce: nonce, expires_at: 1_700_000_060}} = verify(create())
    assert byte_size(nonce) == 16
    assert {:ok, %{nonce: other}} = verify(create())
    assert other != nonce
  end

  test "is for one operation, its arguments, one node and one secret" do
    assert verify(create(), :remove) == :token_invalid
    assert verify(create(), :switch, ["1.1.0"]) == :token_invalid
    assert verify(create(), :switch, ["1.1.0", [mode: :restart]]) == :token_invalid
    assert verify(create(), :switch, ["1.1.0", [mode: "hot"]]) == :token_invalid
    assert verify(create(:switch, ["1.1.0", [mode: :hot]], node: :other@host)) == :token_invalid
    assert verify(create(:switch, ["1.1.0", [mode: :hot]], secret: "another secret of enough bytes")) == :token_invalid
  end

  test "each bit of it counts" do
    "bloom1." <> encoded = create()
    raw = Base.url_decode64!(encoded, padding: false)

    for bit <- 0..(bit_size(raw) - 1) do
      <<before::bitstring-size(bit), flipped::1, rest::bitstring>> = raw
      token = "bloom1." <> Base.url_encode64(<<before::bitstring, 1 - flipped::1, rest::bitstring>>, padding: false)
      assert verify(token) == :token_invalid
    end
  end

  test "what is none is refused in the same way" do
    for token <- [
          "",
          "bloom1.",
          "bloom1.!",
          "bloom1.AAAA",
          create() <> "A",
          "bloom2." <> create(),
          :token,
          1,
          [],
          {create()}
        ] do
      assert verify(token) == :token_invalid
    end

    assert verify(create(), "switch") == :token_invalid
    assert verify(create(), :switch, [make_ref()]) == :token_invalid
    assert verify(create(), :switch, ["1.1.0" | "x"]) == :token_invalid
    assert verify(nil) == :token_missing
  end

  test "is good for as long as clocks may be apart" do
    assert {:ok, _} = verify(create(), :switch, ["1.1.0", [mode: :hot]], [@secret], @now + 60)
    assert {:ok, _} = verify(create(), :switch, ["1.1.0", [mode: :hot]], [@secret], @now - 60)
    assert verify(create(), :switch, ["1.1.0", [mode: :hot]], [@secret], @now + 61) == :token_expired
    assert verify(create(), :switch, ["1.1.0", [mode: :hot]], [@secret], @now - 61) == :token_expired

    assert {:error, %Error{message: "the token was made 90 s ago" <> _}} =
             Token.verify(create(), :switch, ["1.1.0", [mode: :hot]], [@secret], @now + 90)

    assert {:error, %Error{message: "the token is 90 s ahead of this node's clock" <> _}} =
             Token.verify(create(), :switch, ["1.1.0", [mode: :hot]], [@secret], @now - 90)
  end

  test "two secrets are good while they are changed" do
    previous = create(:switch, ["1.1.0", [mode: :hot]], secret: "the secret before that one")
    assert {:ok, _} = verify(previous, :switch, ["1.1.0", [mode: :hot]], [@secret, "the secret before that one"])
    assert {:ok, _} = verify(create(), :switch, ["1.1.0", [mode: :hot]], [@secret, "the secret before that one"])
    assert verify(previous) == :token_invalid
  end

  test "can be made from its description alone" do
    nonce = :binary.copy(<<7>>, 16)
    part = fn kind, bytes -> kind <> <<byte_size(bytes)::64>> <> bytes end

    message =
      "t" <>
        <<6::64>> <>
        part.("b", "bloom rpc token 1") <>
        part.("b", Atom.to_string(node())) <>
        part.("b", "install") <>
        "l" <>
        <<1::64>> <> part.("b", "1.2.3") <> part.("i", Integer.to_string(@now)) <> part.("b", nonce)

    mac = :crypto.mac(:hmac, :sha256, @secret, message)
    token = "bloom1." <> Base.url_encode64(<<@now::64>> <> nonce <> mac, padding: false)
    assert {:ok, %{nonce: ^nonce}} = verify(token, :install, ["1.2.3"])
  end

  test "arguments that are no plain data make none" do
    assert_raise ArgumentError, fn -> create(:install, [fn -> 1 end]) end
  end
end
