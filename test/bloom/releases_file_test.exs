defmodule Bloom.ReleasesFileTest do
  use ExUnit.Case, async: true

  alias Bloom.ReleasesFile

  @moduletag :tmp_dir

  defp entry(vsn, status, libs \\ []), do: {:release, ~c"garden", to_charlist(vsn), ~c"13.1.5", libs, status}

  defp root(tmp_dir, versions) do
    for vsn <- versions, do: File.mkdir_p!(Path.join([tmp_dir, "releases", vsn]))
    tmp_dir
  end

  test "without a file the booted release is all there is", %{tmp_dir: tmp_dir} do
    booted = entry("1.0.0", :permanent, [{:kernel, ~c"8.5.3", ~c"lib/kernel-8.5.3"}])
    assert [^booted] = ReleasesFile.settle([], booted, root(tmp_dir, ["1.0.0"]))
  end

  test "the booted release takes its real libraries in its own place", %{tmp_dir: tmp_dir} do
    booted = entry("1.0.0", :permanent, [{:kernel, ~c"8.5.3", ~c"lib/kernel-8.5.3"}])
    known = [entry("1.1.0", :unpacked), entry("1.0.0", :permanent), entry("0.9.0", :old)]
    root = root(tmp_dir, ["1.1.0", "1.0.0", "0.9.0"])

    assert [{_, _, ~c"1.1.0", _, _, :unpacked}, ^booted, {_, _, ~c"0.9.0", _, _, :old}] =
             ReleasesFile.settle(known, booted, root)
  end

  test "another release that was permanent is old", %{tmp_dir: tmp_dir} do
    known = [entry("1.1.0", :permanent), entry("1.0.0", :old)]

    assert [{_, _, ~c"1.1.0", _, _, :old}, {_, _, ~c"1.0.0", _, _, :permanent}] =
             ReleasesFile.settle(known, entry("1.0.0", :permanent), root(tmp_dir, ["1.1.0", "1.0.0"]))
  end

  test "a release whose directory is gone is forgotten", %{tmp_dir: tmp_dir} do
    assert [{_, _, ~c"1.0.0", _, _, _}] =
             ReleasesFile.settle([entry("1.1.0", :old)], entry("1.0.0", :permanent), root(tmp_dir, ["1.0.0"]))
  end
end
