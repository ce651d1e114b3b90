defmodule Bloom.ReleaseTest do
  use ExUnit.Case, async: true

  alias Bloom.Release
  alias Bloom.Release.Versions

  doctest Versions

  defp release(fields) do
    struct!(
      Mix.Release,
      Map.merge(
        %{
          name: :garden,
          version: "1.0.0",
          path: "/nowhere",
          version_path: "/nowhere/releases/1.0.0",
          applications: %{bloom: [vsn: ~c"0.1.0"]},
          boot_scripts: %{},
          erts_source: "/erts",
          erts_version: "13.1.5",
          config_providers: [],
          options: [],
          overlays: [],
          steps: []
        },
        fields
      )
    )
  end

  test "refuses a release without the runtime, and says how to include it" do
    assert_raise ArgumentError, ~r/include_erts: true/, fn -> Release.prepare(release(%{erts_source: nil})) end
  end

  test "refuses a release that reboots after its configuration" do
    assert_raise ArgumentError, ~r/reboot_system_after_config/, fn ->
      Release.prepare(release(%{options: [reboot_system_after_config: true]}))
    end
  end

  test "refuses a release without bloom" do
    assert_raise ArgumentError, ~r/\{:bloom, "~> 0.1"\}/, fn -> Release.prepare(release(%{applications: %{}})) end
  end

  test "refuses overlays that no release owns" do
    assert_raise ArgumentError, ~r/etc\/garden.conf/, fn ->
      Release.prepare(release(%{overlays: ["bin/extra", "etc/garden.conf"]}))
    end
  end
end
