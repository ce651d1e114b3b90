defmodule Bloom.RPC.PlainTest do
  use ExUnit.Case, async: true

  alias Bloom.RPC.Plain

  doctest Plain

  defmodule Thing do
    defstruct [:pid, :nested]
  end

  test "nothing that only this node knows is left" do
    plain = Plain.of(%Thing{pid: self(), nested: [{make_ref(), fn -> :ok end}, %{at: ~N[2024-01-02 03:04:05]}]})
    assert %{pid: "#PID<" <> _, nested: [{"#Reference<" <> _, "#Function<" <> _}, %{at: "2024-01-02T03:04:05"}]} = plain
    refute is_struct(plain)
  end

  test "what says that it is a struct and is none is a map" do
    for module <- [Date, DateTime, MapSet, Version, Range, Thing, NoSuchModule] do
      assert Plain.of([%{__struct__: module, calendar: Calendar.ISO, a: self()}]) |> hd() |> Map.fetch!(:a) =~ "#PID"
    end

    assert Plain.of(%{~D[2024-01-02] | calendar: NoSuchModule}) == %{
             calendar: NoSuchModule,
             year: 2024,
             month: 1,
             day: 2
           }

    assert Plain.of(%{__struct__: 1}) == %{__struct__: 1}
    assert Plain.of(MapSet.new([~D[2024-01-02]])) == ["2024-01-02"]
  end

  test "what is plain stays as it is" do
    for term <- [1, 1.5, "text", :atom, nil, true, {:ok, [a: 1]}, %{1 => [2 | 3]}, <<255>>] do
      assert Plain.of(term) == term
    end
  end
end
