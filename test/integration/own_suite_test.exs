defmodule Bloom.Integration.OwnSuiteTest do
  # An application's own suite, with Bloom as a path dependency and the mock as the README shows it.
  use ExUnit.Case, async: true

  @moduletag :integration
  @moduletag :tmp_dir
  @moduletag timeout: 180_000

  test "the README's testing section works in a user's own suite", %{tmp_dir: tmp_dir} do
    [library] = Path.wildcard(Application.app_dir(:bloom, "priv/native/*.so"))
    digest = :crypto.hash(:sha256, File.read!(library)) |> Base.encode16(case: :lower)

    {output, status} =
      System.cmd("mix", ["test"],
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
    assert output =~ "2 tests, 0 failures"
  end
end
