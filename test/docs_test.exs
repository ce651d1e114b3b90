defmodule Bloom.DocsTest do
  # What Bloom says of itself: in its modules here, in its guides in test/guides_test.exs.
  use ExUnit.Case, async: true

  alias Bloom.Test.References

  doctest References

  # Modules with `@moduledoc false` are nobody's business, and those of protocols have no docs.
  @modules for module <- Application.spec(:bloom, :modules),
               module |> Module.split() |> Enum.take(2) != ["Bloom", "Test"],
               Code.ensure_loaded?(module) and not function_exported?(module, :__impl__, 1),
               {:docs_v1, _, _, _, moduledoc, _, entries} <- [Code.fetch_docs(module)],
               moduledoc != :hidden,
               do: {module, moduledoc, entries}

  test "every module says what it is for" do
    assert [] == for({module, :none, _entries} <- @modules, do: module)
  end

  test "every function and callback has a doc" do
    assert [] == for(entry <- entries([:function, :macro, :callback]), entry.doc == :none, do: entry.name)
  end

  test "every function has a spec, be it that of the callback it implements" do
    specified =
      for {module, _moduledoc, _entries} <- @modules,
          {:ok, specs} <- [Code.Typespec.fetch_specs(module)],
          {{name, arity}, _spec} <- specs,
          into: MapSet.new(),
          do: name(module, name, arity)

    assert [] ==
             for(
               entry <- entries([:function]),
               not MapSet.member?(specified, entry.name),
               entry.function not in [{:child_spec, 1} | callbacks(entry.module)],
               do: entry.name
             )
  end

  test "every example is run" do
    run = for file <- Path.wildcard("test/**/*_test.exs"), module <- doctests(file), into: MapSet.new(), do: module

    assert [] ==
             for(
               {module, moduledoc, entries} <- @modules,
               Enum.any?([moduledoc | Enum.map(entries, &elem(&1, 3))], &example?/1),
               not MapSet.member?(run, inspect(module)),
               do: "doctest #{inspect(module)}"
             )
  end

  test "every module and function that a doc names is there" do
    assert [] ==
             for(
               {module, moduledoc, entries} <- @modules,
               %{"en" => text} <- [moduledoc | Enum.map(entries, &elem(&1, 3))],
               reference <- References.in_text(text),
               not References.there?(reference),
               do: "#{inspect(module)} names #{reference}"
             )
  end

  defp entries(kinds) do
    for {module, _moduledoc, entries} <- @modules,
        {{kind, function, arity}, _line, _signature, doc, _metadata} <- entries,
        kind in kinds and doc != :hidden,
        do: %{module: module, function: {function, arity}, name: name(module, function, arity), doc: doc}
  end

  defp name(module, function, arity), do: "#{inspect(module)}.#{function}/#{arity}"

  defp callbacks(module) do
    for {:behaviour, behaviours} <- module.module_info(:attributes),
        behaviour <- behaviours,
        callback <- behaviour.behaviour_info(:callbacks),
        do: callback
  end

  defp example?(%{} = doc), do: Enum.any?(Map.values(doc), &(&1 =~ "iex>"))
  defp example?(_none), do: false

  # The modules by their full names, whatever the test file calls them.
  defp doctests(file) do
    {_ast, {_aliases, modules}} =
      file |> File.read!() |> Code.string_to_quoted!() |> Macro.prewalk({%{}, []}, &{&1, collect(&1, &2)})

    modules
  end

  defp collect({:alias, _, [{{:., _, [{:__aliases__, _, base}, :{}]}, _, parts}]}, {aliases, modules}) do
    {for({:__aliases__, _, part} <- parts, into: aliases, do: {List.last(part), base ++ part}), modules}
  end

  defp collect({:alias, _, [{:__aliases__, _, parts} | opts]}, {aliases, modules}) do
    as = with [[as: {:__aliases__, _, [as]}]] <- opts, do: as, else: (_none -> List.last(parts))
    {Map.put(aliases, as, parts), modules}
  end

  defp collect({:doctest, _, [{:__aliases__, _, [first | rest]} | _opts]}, {aliases, modules}) do
    {aliases, [Enum.join(Map.get(aliases, first, [first]) ++ rest, ".") | modules]}
  end

  defp collect(_other, found), do: found
end
