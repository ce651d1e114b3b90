defmodule Bloom.JSONTest do
  use ExUnit.Case, async: true

  alias Bloom.JSON

  doctest JSON

  test "what there is in plain data" do
    for {data, text} <- [
          {nil, "null"},
          {true, "true"},
          {:hot, ~S("hot")},
          {-3, "-3"},
          {1.5, "1.5"},
          {1.0e-20, "1.0e-20"},
          {[], "[]"},
          {%{}, "{}"},
          {{:hand_written, "a.appup"}, ~S(["hand_written","a.appup"])},
          {%{"b" => 1, :a => [%{c: nil}], 3 => 2}, ~S({"3":2,"a":[{"c":null}],"b":1})},
          {~U[2024-01-02 03:04:05.678Z], ~S("2024-01-02T03:04:05.678Z")}
        ] do
      assert JSON.encode(data) == text
    end
  end

  test "text of every kind" do
    for {data, text} <- [
          {"größer — 🌱", ~S("größer — 🌱")},
          {~S(C:\x "y" /z), ~S("C:\\x \"y\" /z")},
          {"\n\r\t\b\f\0", ~S("\n\r\t\u0008\u000C\u0000")},
          {"\e[31mred\d\u009B", ~S("\u001B[31mred\u007F\u009B")},
          {<<"a", 0xC3>>, ~s("a\uFFFD")},
          {<<0xED, 0xA0, 0x80, "b">>, ~s("\uFFFD\uFFFD\uFFFDb")}
        ] do
      assert JSON.encode(data) == text
    end
  end

  test "a text is one line and UTF-8, whatever it holds" do
    for byte <- 0..255 do
      text = JSON.encode(%{<<byte>> => [<<byte>>]})
      assert String.valid?(text)
      refute text =~ ~r/[\x00-\x1F]/
    end
  end

  test "what is no plain data is refused" do
    for data <- [self(), make_ref(), fn -> 1 end, <<1::3>>, %{{1, 2} => 3}, ~r/a/, [%{a: self()}]] do
      assert_raise ArgumentError, ~r/expected plain data to write as JSON, got: /, fn -> JSON.encode(data) end
    end
  end
end
