defmodule Bloom.Config.EffectiveTest do
  use ExUnit.Case, async: true

  alias Bloom.Config.{Effective, Source, Table}

  doctest Effective
  doctest Source
  doctest Table

  @files %{
    built: [probation_ms: 1, min_processes: 1],
    resolved: [probation_ms: 2, min_processes: 1],
    places: [probation_ms: {"config/runtime.exs", 7}, min_processes: {"config/config.exs", 3}],
    unread: []
  }

  defp entry(option, files, env), do: Enum.find(Effective.entries(files, env), &(&1.option == option))

  test "a default, a file, and what was put at run time" do
    assert %{value: 5, source: :default} = entry(:release_retention_count, @files, [])
    assert %{value: 1, source: {:file, "config/config.exs", 3}} = entry(:min_processes, @files, min_processes: 1)
    assert %{value: 8, source: :environment} = entry(:min_processes, @files, min_processes: 8)
  end

  test "runtime.exs counts over what Mix has put from config.exs" do
    for env <- [[], [probation_ms: 1], [probation_ms: 2]] do
      assert %{value: 2, source: {:file, "config/runtime.exs", 7}} = entry(:probation_ms, @files, env)
    end

    assert %{value: 3, source: :environment} = entry(:probation_ms, @files, probation_ms: 3)
  end

  test "what is wrong and what is no option is there with its problem" do
    assert %{problem: "expected config :bloom, :probation_ms to be" <> _} =
             entry(:probation_ms, @files, probation_ms: :long)

    assert %{problem: "unknown option config :bloom, :probation, did you mean :probation_ms?", source: :environment} =
             entry(:probation, @files, probation: 1)

    assert entry(:included_applications, @files, included_applications: []) == nil
  end

  test "neither the table nor JSON has a secret, nor the value of what may be one with a slip in its name" do
    entries = [
      %{option: :key, value: "tulip", source: :environment, secret: true, problem: nil}
      | Effective.entries(@files, shared_secrt: "tulip")
    ]

    refute Enum.join(Table.lines(entries)) =~ "tulip"
    refute Bloom.JSON.encode(Table.plain(entries)) =~ "tulip"
    assert [%{value: "[secret]"} | _] = Table.plain(entries)
  end

  test "a value that is long does not move the columns of the others" do
    entries = Effective.entries(@files, restarted_by: String.duplicate("x", 200))
    assert [line] = entries |> Table.lines() |> Enum.filter(&(&1 =~ "min_processes"))
    assert String.length(line) < 120
  end
end
