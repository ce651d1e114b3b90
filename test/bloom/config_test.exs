defmodule Bloom.ConfigTest do
  use ExUnit.Case, async: true

  alias Bloom.Config

  doctest Config

  for {option, good, bad} <- [
        {:app_name, :garden, 1},
        {:app_name, "garden", 1},
        {:releases_dir, "/opt/garden/releases", :garden},
        {:release_handler, Bloom.MockReleaseHandler, "mock"},
        {:skip_file_checks, true, "yes"},
        {:health_checks, [db: {M, :f, []}], %{}},
        {:health_check_timeout_ms, 1, 0},
        {:busy_timeout_ms, 1, 0},
        {:old_code_timeout_ms, 0, -1},
        {:rehearsal, false, nil},
        {:rehearsal_timeout_ms, 1, 1.5},
        {:include_error_suggestions, false, 0}
      ] do
    test "#{option} takes #{inspect(good)} and refuses #{inspect(bad)} by name" do
      assert :ok = Config.validate(unquote(option), unquote(Macro.escape(good)))
      assert {:error, message} = Config.validate(unquote(option), unquote(Macro.escape(bad)))
      assert message =~ inspect(unquote(option))
    end
  end

  test "every option has a type, a default that fits and a description" do
    for {option, spec} <- Config.schema() do
      assert spec[:doc], "#{option} has no doc"
      assert :ok = Config.validate(option, spec[:default])
    end
  end
end
