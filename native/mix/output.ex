defmodule Bloom.Native.Output do
  @moduledoc false

  # Cargo's lines: JSON about what it made, everything else as it is shown to people. Erlang reads JSON only
  # from OTP 27 on, so the one field that matters is picked out of its line.

  alias Mix.Task.Compiler.Diagnostic

  @header ~r/^(error|warning)(?:\[\w+\])?: (.+)$/
  @location ~r/^\s*--> (.+):(\d+):\d+$/

  def for_people?(line), do: not String.starts_with?(line, "{\"reason\":")

  def library(lines) do
    Enum.find_value(lines, fn line ->
      case Regex.run(~r/"filenames":\["([^"]*libbloom_nif\.(?:so|dylib))"/, line) do
        [_, path] -> path
        nil -> nil
      end
    end)
  end

  def no_linker?(lines), do: Enum.any?(lines, &(&1 =~ ~r/^error: linker `.+` not found/))

  # What has no place is either all that there is to say, or a summary of what has one.
  def diagnostics(lines, root, compiler) do
    all = lines |> Enum.filter(&for_people?/1) |> chunk() |> Enum.map(&diagnostic(&1, root, compiler))

    {placed, general} = Enum.split_with(all, &(&1.position != 0))

    if Enum.any?(placed, &(&1.severity == :error)) do
      placed
    else
      placed ++ Enum.filter(general, &(&1.severity == :error))
    end
  end

  # A diagnostic starts with its header and ends before an empty line.
  defp chunk(lines) do
    {chunks, last} =
      Enum.reduce(lines, {[], nil}, fn line, {chunks, current} ->
        cond do
          line =~ @header -> {List.wrap(current && [current]) ++ chunks, [line]}
          current == nil -> {chunks, nil}
          line == "" -> {[current | chunks], nil}
          true -> {chunks, [line | current]}
        end
      end)

    [last | chunks] |> Enum.reject(&is_nil/1) |> Enum.map(&Enum.reverse/1) |> Enum.reverse()
  end

  defp diagnostic([header | rest], root, compiler) do
    [_, severity, _message] = Regex.run(@header, header)

    {file, line} =
      Enum.find_value(rest, {"Cargo.toml", 0}, fn line ->
        case Regex.run(@location, line) do
          [_, file, number] -> {file, String.to_integer(number)}
          nil -> nil
        end
      end)

    %Diagnostic{
      compiler_name: compiler,
      file: Path.expand(file, root),
      severity: String.to_existing_atom(severity),
      message: Enum.join([header | rest], "\n"),
      position: line
    }
  end
end
