defmodule Bloom.Test.Codes do
  @moduledoc "Finds the codes of errors, and their messages, in the sources."

  @doc "Every code with the files that make errors of it."
  @spec all() :: %{atom() => [Path.t()]}
  def all do
    found =
      for(file <- elixir_files(), code <- elixir(file), do: {code, file}) ++
        for(file <- rust_files(), code <- rust(file), do: {code, file})

    Enum.group_by(found, &elem(&1, 0), &elem(&1, 1))
  end

  @doc "All sources as one text, in which messages are not broken into lines."
  @spec text() :: String.t()
  def text do
    (elixir_files() ++ rust_files())
    |> Enum.map_join("\n", &File.read!/1)
    |> String.replace(~r/\\\n\s*/, "")
    |> String.replace(~r/"\s*<>\s*"/, "")
    |> String.replace("\\\"", "\"")
  end

  @doc "Every `Error.new` without suggestions, as `{file, code, message}`."
  @spec unadvised() :: [{Path.t(), atom(), String.t()}]
  def unadvised, do: for(file <- elixir_files(), {code, message} <- walk(file, &unadvised/1), do: {file, code, message})

  @doc "Every name of a foreign term that is printed as code within a text, as `{file, name}`."
  @spec printed([atom()]) :: [{Path.t(), atom()}]
  def printed(names),
    do: for(file <- elixir_files(), name <- walk(file, &printed_in/1), name in names, do: {file, name})

  defp unadvised({{:., _, [{:__aliases__, _, [:Error]}, :new]}, _, [code, message | opts]}) when is_atom(code) do
    case opts do
      [opts] when is_list(opts) -> if opts[:suggestions], do: [], else: [{code, Macro.to_string(message)}]
      [] -> [{code, Macro.to_string(message)}]
      _computed -> []
    end
  end

  defp unadvised(_other), do: []

  defp printed_in({:<<>>, _, parts}) do
    for {:"::", _, [{{:., _, [Kernel, :to_string]}, _, [part]}, _]} <- parts,
        {:inspect, _, [{name, _, context} | _]} when is_atom(context) <- [part],
        do: name
  end

  defp printed_in(_other), do: []

  # When they are asked for, so that files that came since this was compiled are among them.
  defp elixir_files, do: Path.wildcard("lib/**/*.ex") -- Path.wildcard("lib/bloom/error_interpreter/catalogue/*.ex")
  defp rust_files, do: Path.wildcard("native/*/src/**/*.rs")

  defp elixir(file), do: walk(file, &code/1)

  defp walk(file, fun) do
    {_ast, found} = file |> File.read!() |> Code.string_to_quoted!() |> Macro.prewalk([], &{&1, fun.(&1) ++ &2})
    found
  end

  # Error.new(:code, …) and new(:code, …) of the modules that wrap it.
  defp code({{:., _, [_module, :new]}, _, [code, _message | _]}) when is_atom(code), do: [code]
  defp code({:new, _, [code, _message | _]}) when is_atom(code), do: [code]
  # %{code: :code, message: …} and %{error | code: :code}.
  defp code({:%{}, _, [{:|, _, [_error, changes]}]}), do: pairs(changes)
  defp code({:%{}, _, pairs}), do: if(Keyword.keyword?(pairs) and pairs[:message], do: pairs(pairs), else: [])
  # Tables of codes: {:code, ~r/…/, advice} and {:code, ~w(…)a, advice}.
  defp code({:{}, _, [code, {sigil, _, _}, _advice]}) when is_atom(code) and sigil in [:sigil_r, :sigil_w], do: [code]
  # Codes handed to somebody who makes the error.
  defp code({{:., _, [{:__aliases__, _, [:ErrorInterpreter]}, :interpret]}, _, [_reason, {code, _sentence}]}),
    do: [code]

  defp code({:@, _, [{:unknown, _, [{code, _sentence}]}]}), do: [code]
  defp code(_other), do: []

  defp pairs(pairs), do: for({:code, code} <- pairs, is_atom(code), do: code)

  defp rust(file) do
    source = File.read!(file)

    for [_all, code] <-
          Regex.scan(~r/Failure::new\(\s*"([a-z_]+)"|Self::new\(\s*"([a-z_]+)"/, source)
          |> Enum.map(&Enum.reject(&1, fn s -> s == "" end)) do
      String.to_atom(code)
    end ++ arms(source)
  end

  # The match of a fn code().
  defp arms(source) do
    case String.split(source, "pub fn code(&self) -> &'static str {", parts: 2) do
      [_before, rest] ->
        [body | _after] = String.split(rest, "\n    }\n", parts: 2)
        for [_all, code] <- Regex.scan(~r/=> "([a-z_]+)"/, body), do: String.to_atom(code)

      [_none] ->
        []
    end
  end
end
