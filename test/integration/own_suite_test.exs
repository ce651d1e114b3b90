defmodule Bloom.Integration.OwnSuiteTest do
  # An application's own project, with Bloom as a path dependency: its suite with the mock as the README shows it, and
  # what a task says of its configuration.
  use ExUnit.Case, async: true

  @moduletag :integration
  @moduletag :tmp_dir
  @moduletag timeout: 180_000

  test "the README's testing section and mix bloom.config work in a user's own project", %{tmp_dir: tmp_dir} do
    assert mix(["test"], tmp_dir) =~ "2 tests, 0 failures"

    config = mix(["bloom.config"], tmp_dir)
    assert config =~ ~r|^health_checks +\[garden: {Garden.Health, :check, \[\]}\] +config/runtime.exs:\d+$|m
    assert config =~ ~r|^probation_ms +300 +config/runtime.exs:\d+$|m
    assert config =~ ~r|^min_processes +10 +default$|m
  end

  defp mix(arguments, tmp_dir) do
    [library] = Path.wildcard(Application.app_dir(:bloom, "priv/native/*.so"))
    digest = :crypto.hash(:sha256, File.read!(library)) |> Base.encode16(case: :lower)

    {output, status} =
      System.cmd("mix", arguments,
        cd: Path.expand("../../examples/garden", __DIR__),
        stderr_to_stdout: true,
        env: [
          {"MIX_ENV", "test"},
          {"MIX_BUILD_PATH", Path.join(tmp_dir, "build")},
          {"BLOOM_NATIVE_LIB", library},
          {"BLOOM_NATIVE_SHA256", digest},
          {"GARDEN_PORT", Integer.to_string(Enum.random(15_000..30_000))}
        ]
      )

    assert status == 0, output
    output
  end
end
