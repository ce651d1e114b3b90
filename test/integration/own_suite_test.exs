defmodule Bloom.Integration.OwnSuiteTest do
  # An application's own project, with Bloom as a path dependency and a library built elsewhere: its suite with the mock as
  # the README shows it, what a task says of its configuration, and the library without any Rust.
  use ExUnit.Case, async: true

  @moduletag :integration
  @moduletag :tmp_dir
  @moduletag timeout: 180_000

  setup do
    [library] = Path.wildcard(Application.app_dir(:bloom, "priv/native/*.so"))
    %{library: library}
  end

  test "the README's testing section, mix bloom.config and the library work in a user's own project", context do
    %{tmp_dir: tmp_dir, library: library} = context
    tested = mix(["test"], context)
    assert tested =~ "2 tests, 0 failures"
    refute tested =~ "cargo"

    installed = Path.join([tmp_dir, "build/lib/bloom/priv/native", Path.basename(library)])
    assert File.read!(installed) == File.read!(library)
    code = "{:ok, _} = Bloom.Native.tree_digest(\".\"); IO.puts(\"works\")"
    assert mix(["run", "--no-start", "-e", code], context) =~ "works"

    config = mix(["bloom.config"], context)
    assert config =~ ~r|^health_checks +\[garden: {Garden.Health, :check, \[\]}\] +config/runtime.exs:\d+$|m
    assert config =~ ~r|^probation_ms +300 +config/runtime.exs:\d+$|m
    assert config =~ ~r|^min_processes +10 +default$|m
  end

  defp mix(arguments, %{tmp_dir: tmp_dir, library: library}) do
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
          {"CARGO_TARGET_DIR", "/nonexistent"},
          {"GARDEN_PORT", Integer.to_string(Bloom.UpgradeCase.Distribution.free_port())}
        ]
      )

    assert status == 0, output
    output
  end
end
