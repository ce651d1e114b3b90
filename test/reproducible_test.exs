defmodule Bloom.ReproducibleTest do
  # Two builds of one source have to be the same: a release whose Bloom differs needs a restart.
  use ExUnit.Case, async: true

  # The order of the keys of larger maps goes by the numbers that atoms have in the VM that compiles.
  @most_keys 32

  test "no module has a map that is compiled in another order each time" do
    assert [] == for(module <- Application.spec(:bloom, :modules), Enum.any?(literals(module), &large?/1), do: module)
  end

  test "such maps are found" do
    assert large?({:ok, [Map.new(1..33, &{&1, &1})]})
    assert large?(%{a: Map.new(1..33, &{&1, &1})})
    refute large?([1 | %{a: {1, "b"}}])
    assert Enum.any?(Application.spec(:bloom, :modules), &(literals(&1) != []))
  end

  defp literals(module) do
    case :beam_lib.chunks(:code.which(module), [~c"LitT"], [:allow_missing_chunks]) do
      {:ok, {_module, [{_name, <<size::32, table::binary>>}]}} ->
        terms(if size == 0, do: table, else: :zlib.uncompress(table))

      {:ok, {_module, [{_name, :missing_chunk}]}} ->
        []
    end
  end

  defp terms(<<_count::32, terms::binary>>) do
    for <<size::32, term::binary-size(size) <- terms>>, do: :erlang.binary_to_term(term)
  end

  defp large?(map) when is_map(map) and map_size(map) > @most_keys, do: true
  defp large?(map) when is_map(map), do: map |> Map.to_list() |> large?()
  defp large?(tuple) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> large?()
  defp large?([head | tail]), do: large?(head) or large?(tail)
  defp large?(_other), do: false
end
