defmodule Bloom.Integration.UpgradeCaseTest do
  # The case template that users test their own upgrades with, on garden as an application that knows nothing of it.
  alias Bloom.Test.{Garden, HTTP}
  alias Bloom.UpgradeCase.Archive

  use Bloom.UpgradeCase,
    from: Garden.archive("1.0.0"),
    to: Garden.archive("1.1.0"),
    env: [{"GARDEN_NODE", :node}, {"GARDEN_PORT", :port}, {"GARDEN_RESTARTED_BY", "Bloom.UpgradeCase"}]

  @moduletag :integration

  defp look(node), do: match?({:ok, 200, _body}, HTTP.get(node.http_port, "/version"))

  defp season(node), do: elem(HTTP.get(node.http_port, "/season"), 2)

  test "an upgrade and a rollback, hot and by a restart, are asserted with one line each", context do
    %{node: node, root: root, to: archive} = context
    # As a directory, which is what `mix release` leaves without its :tar step.
    assembled = Path.join(root, "assembled")
    :ok = Archive.unpack(archive, assembled)
    to = Archive.fetch!(assembled, root)
    assert to == Path.join(root, "garden-1.1.0.tar.gz")

    assert %{mode: :hot, version: "1.1.0", probe: probe} = assert_upgrade(node, to, mode: :hot, probe: &look/1)
    assert %{failed: 0, failures: []} = probe
    assert probe.calls > 10 and probe.longest_ms > 0
    assert season(node) == "summer"
    assert %{mode: :hot, version: "1.0.0"} = assert_rollback(node, mode: :hot, probe: &look/1)
    assert season(node) == "spring"

    failed = assert_raise ExUnit.AssertionError, fn -> assert_upgrade(node, to, mode: :restart) end
    assert failed.message =~ "the way to release 1.1.0 is :hot, not :restart"

    failed =
      assert_raise ExUnit.AssertionError, fn -> assert_upgrade(node, to, probe: fn _node -> {:error, :frost} end) end

    assert failed.message =~
             ~r/calls of the probe failed on the way to release 1\.1\.0, among them:\n  \* {:error, :frost}/

    assert_rollback(node)

    assert %{mode: :restart} = assert_upgrade(node, Garden.archive("1.7.0-bloom"), mode: :restart)
    assert boots(node) == "1.7.0-bloom"
    assert %{mode: :restart} = assert_rollback(node, mode: :restart)
    assert boots(node) == "1.0.0"
  end

  @tag upgrade_case: [to: nil]
  test "a release that does not stay is told with the reason", %{node: node, to: to} do
    assert to == nil
    unhealthy = Garden.archive("1.3.0-unhealthy")
    failed = assert_raise ExUnit.AssertionError, fn -> assert_upgrade(node, unhealthy) end
    assert failed.message =~ "release 1.3.0-unhealthy did not become the one that runs"
    assert failed.message =~ "drought"
    assert %{outcome: :taken_back} = await_settled(node)
    assert running(node) == "1.0.0"

    garbage = Path.join(node.root, "garden-9.9.9.tar.gz")
    File.write!(garbage, "garbage")
    failed = assert_raise ExUnit.AssertionError, fn -> assert_upgrade(node, garbage) end
    assert failed.message =~ "release 9.9.9 could not be installed"
  end
end

defmodule Bloom.Integration.UpgradeCaseRefusalsTest do
  # What is no good to begin with.
  use ExUnit.Case, async: true

  import Bloom.UpgradeCase

  alias Bloom.Test.Garden

  @moduletag :integration
  @moduletag timeout: 180_000

  defp boot_with(env, opts \\ []) do
    env = [{"GARDEN_NODE", :node}, {"GARDEN_PORT", :port} | env]
    boot([from: Garden.archive("1.0.0"), env: env] ++ opts)
  end

  @tag :tmp_dir
  test "a release that would work outside of its scratch directory is not even started", %{tmp_dir: dir} do
    outside = [{"ERL_ZFLAGS", "-bloom app_root '<<\"#{dir}\">>'"}]
    failed = assert_raise ExUnit.AssertionError, fn -> boot_with(outside) end
    assert failed.message =~ ~s(config :bloom, app_root: "#{dir}" is outside)
    assert File.ls!(dir) == []
  end

  test "a release that does not start says why" do
    failed = assert_raise ExUnit.AssertionError, fn -> boot_with([{"GARDEN_PORT", "no port"}], restart: false) end
    assert failed.message =~ "garden-1.0.0.tar.gz did not start" and failed.message =~ "no port"
  end
end
