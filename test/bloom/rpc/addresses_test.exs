defmodule Bloom.RPC.AddressesTest do
  use ExUnit.Case, async: true

  alias Bloom.RPC.Addresses

  doctest Addresses

  defp in?(address, entries) do
    {:ok, ranges} = Addresses.parse(entries)
    {:ok, address} = address |> String.to_charlist() |> :inet.parse_strict_address()
    Addresses.member?(address, ranges)
  end

  test "addresses and ranges of both families" do
    assert in?("127.0.0.1", ["127.0.0.1"])
    refute in?("127.0.0.2", ["127.0.0.1"])
    assert in?("192.168.1.100", ["127.0.0.1", "192.168.1.100"])
    assert in?("10.255.255.255", ["10.0.0.0/8"])
    refute in?("11.0.0.0", ["10.0.0.0/8"])
    assert in?("10.1.2.130", ["10.1.2.128/25"])
    refute in?("10.1.2.127", ["10.1.2.128/25"])
    assert in?("10.1.2.3", ["10.9.9.9/8"])
    assert in?("8.8.8.8", ["0.0.0.0/0"])
    assert in?("10.1.2.3", ["10.1.2.3/32"])
    assert in?("::1", ["::1"])
    assert in?("fd00::1", ["fd00::/8"])
    refute in?("fe80::1", ["fd00::/8"])
    assert in?("2001:db8::1", ["::/0"])
    refute in?("127.0.0.1", [])
  end

  test "the families are not mixed up, but an IPv4 address may be written as an IPv6 one" do
    refute in?("10.0.0.1", ["::/0"])
    refute in?("::1", ["0.0.0.0/0"])
    assert in?("::ffff:10.0.0.1", ["10.0.0.1"])
    assert in?("10.0.0.1", ["::ffff:10.0.0.1"])
    assert in?("10.1.2.3", ["::ffff:10.0.0.0/104"])
    refute in?("11.1.2.3", ["::ffff:10.0.0.0/104"])
  end

  test "this node is a place of its own" do
    {:ok, ranges} = Addresses.parse([:local])
    assert Addresses.member?(:local, ranges)
    refute Addresses.member?({127, 0, 0, 1}, ranges)
    {:ok, ranges} = Addresses.parse(["127.0.0.1", "::1"])
    refute Addresses.member?(:local, ranges)
  end

  test "what is none is refused" do
    for entries <- [
          ["localhost"],
          ["10.0.0.1/33"],
          ["10.0.0.1/-1"],
          ["10.0.0.1/+8"],
          ["10.0.0.1/"],
          ["10.0.0.1/8/8"],
          ["::1/129"],
          ["::ffff:10.0.0.0/95"],
          ["10.1"],
          ["10.0.0.1 "],
          [""],
          [<<255>>],
          [:any],
          [{127, 0, 0, 1}],
          ["127.0.0.1" | "::1"],
          "127.0.0.1",
          nil
        ] do
      refute Addresses.valid?(entries), inspect(entries)
    end
  end
end
