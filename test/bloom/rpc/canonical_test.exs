defmodule Bloom.RPC.CanonicalTest do
  use ExUnit.Case, async: true

  alias Bloom.RPC.Canonical

  doctest Canonical

  test "no two terms have the same bytes" do
    terms = [
      [],
      {},
      %{},
      "",
      :"",
      nil,
      "nil",
      1,
      "1",
      1.0,
      -1,
      [1],
      {1},
      [1, 2],
      [[1], 2],
      [1, [2]],
      ["ab", "c"],
      ["a", "bc"],
      [["ab", "c"]],
      %{"a" => 1},
      %{a: 1},
      %{a: "1"},
      [a: 1],
      [force: true],
      [force: "true"],
      self()
    ]

    encoded = for term <- terms, do: elem({:ok, _bytes} = Canonical.encode(term), 1)
    assert length(Enum.uniq(encoded)) == length(terms)
  end

  test "a map has the same bytes whatever the order it was made in" do
    pairs = for index <- 1..100, do: {"key #{index}", index}
    assert Canonical.encode(Map.new(pairs)) == Canonical.encode(Map.new(Enum.shuffle(pairs)))
  end

  test "the bytes are those of the table" do
    assert Canonical.encode(["1.2.3", mode: :hot]) ==
             {:ok, <<"l", 2::64, "b", 5::64, "1.2.3", "t", 2::64, "a", 4::64, "mode", "a", 3::64, "hot">>}

    assert Canonical.encode({-12, 0.5, %{b: 1}}) ==
             {:ok,
              <<"t", 3::64, "i", 3::64, "-12", "f", 8::64, 0.5::float-64, "m", 1::64, "a", 1::64, "b", "i", 1::64, "1">>}
  end

  test "what says that it is a struct is a map" do
    for struct <- [%{__struct__: Date}, %{__struct__: 1}, ~D[2024-01-02]] do
      assert {:ok, <<"m", _rest::binary>>} = Canonical.encode(struct)
    end
  end

  test "what is no plain data has none" do
    for term <- [fn -> 1 end, make_ref(), [1 | 2], <<1::3>>, [%{a: {make_ref()}}]],
        do: assert(Canonical.encode(term) == :error)
  end
end
