defmodule Bloom.Test.FakeBloom do
  @moduledoc "A `bin/bloom` that writes down how it was called, and ends with 4."

  @script ~S"""
  #!/bin/sh
  {
    printf '%s\n' "$@"
    echo "secret=$BLOOM_SECRET terminal=$BLOOM_TERMINAL mix=$MIX_ENV"
  } >"$(dirname "$0")/called"
  exit 4
  """

  @doc "Puts one into the root of a release."
  @spec install(Path.t()) :: :ok
  def install(root) do
    path = Path.join(root, "bin/bloom")
    File.mkdir_p!(Path.dirname(path))
    File.mkdir_p!(Path.join(root, "releases"))
    File.write!(path, @script)
    File.chmod!(path, 0o755)
  end

  @doc "The words that it was called with last, and what it found in its environment."
  @spec called(Path.t()) :: {[String.t()], String.t()}
  def called(root) do
    path = Path.join(root, "bin/called")
    lines = path |> File.read!() |> String.split("\n", trim: true)
    File.rm!(path)
    {Enum.drop(lines, -1), List.last(lines)}
  end
end
