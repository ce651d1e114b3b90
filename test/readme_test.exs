defmodule Bloom.ReadmeTest do
  use ExUnit.Case, async: true

  @readme File.read!("README.md")

  test "the option table is the schema's" do
    [_before, table, _after] = String.split(@readme, ~r/<!-- \/?options -->\n/)

    expected =
      for {option, spec} <- Bloom.Config.schema(), into: "" do
        "| `#{option}` | `#{inspect(spec[:default])}` | #{spec[:doc]} |\n"
      end

    assert table == expected, "the option table of README.md should be:\n\n#{expected}"
  end

  test "every file that it links to is there" do
    for [_link, path] <- Regex.scan(~r/\]\(([^)#:]+)\)/, @readme), do: assert(File.exists?(path), path)
  end

  test "its commands are there and explain themselves" do
    for command <- ~w(bin/demo bin/test bin/setup bin/bench examples/garden/build) do
      assert {help, 0} = System.cmd(Path.expand(command), ["--help"])
      assert help =~ "Usage: #{command}"
    end
  end
end
