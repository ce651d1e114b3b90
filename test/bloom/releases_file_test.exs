defmodule Bloom.ReleasesFileTest do
  use ExUnit.Case, async: true

  alias Bloom.ReleasesFile

  @moduletag :tmp_dir

  defp entry(vsn, status, libs \\ []), do: {:release, ~c"garden", to_charlist(vsn), ~c"13.1.5", libs, status}

  defp root(tmp_dir, versions) do
    for vsn <- versions, do: File.mkdir_p!(Path.join([tmp_dir, "releases", vsn]))
    tmp_dir
  end

  defp booted(vsn \\ "1.0.0"), do: entry(vsn, :permanent, [{:kernel, ~c"8.5.3", ~c"lib/kernel-8.5.3"}])

  test "without a file the booted release is all there is", %{tmp_dir: tmp_dir} do
    assert ReleasesFile.settle([], booted(), booted(), root(tmp_dir, ["1.0.0"])) == [booted()]
  end

  test "the booted release takes its real libraries in its own place", %{tmp_dir: tmp_dir} do
    known = [entry("1.1.0", :unpacked), entry("1.0.0", :permanent), entry("0.9.0", :old)]
    root = root(tmp_dir, ["1.1.0", "1.0.0", "0.9.0"])

    assert ReleasesFile.settle(known, booted(), booted(), root) ==
             [entry("1.1.0", :unpacked), booted(), entry("0.9.0", :old)]
  end

  test "another release that was permanent is old", %{tmp_dir: tmp_dir} do
    known = [entry("1.1.0", :permanent), entry("1.0.0", :old)]
    root = root(tmp_dir, ["1.1.0", "1.0.0"])
    assert ReleasesFile.settle(known, booted(), booted(), root) == [entry("1.1.0", :old), booted()]
  end

  test "a release on trial is the current one and leaves the permanent one as it is", %{tmp_dir: tmp_dir} do
    known = [entry("1.1.0", :unpacked), entry("1.0.0", :permanent)]
    root = root(tmp_dir, ["1.1.0", "1.0.0"])

    assert [{:release, _, ~c"1.1.0", _, [{:kernel, _, _}], :tmp_current}, {:release, _, ~c"1.0.0", _, _, :permanent}] =
             ReleasesFile.settle(known, booted("1.1.0"), booted("1.0.0"), root)
  end

  test "what was on trial in an earlier life is unpacked", %{tmp_dir: tmp_dir} do
    known = [entry("1.1.0", :tmp_current), entry("1.0.0", :permanent)]
    root = root(tmp_dir, ["1.1.0", "1.0.0"])
    assert ReleasesFile.settle(known, booted(), booted(), root) == [entry("1.1.0", :unpacked), booted()]
  end

  test "a release whose directory is gone is forgotten", %{tmp_dir: tmp_dir} do
    assert ReleasesFile.settle([entry("1.1.0", :old)], booted(), booted(), root(tmp_dir, ["1.0.0"])) == [booted()]
  end

  test "damaged files are told from good ones", %{tmp_dir: tmp_dir} do
    root = root(tmp_dir, ["1.0.0"])
    file = Path.join(root, "releases/RELEASES")
    assert ReleasesFile.read(root) == :error

    for damaged <- ["", "[{release,", "[]. []."] do
      File.write!(file, damaged)
      assert ReleasesFile.read(root) == :error
    end

    File.write!(file, :io_lib.format("~p.~n", [[booted()]]))
    assert ReleasesFile.read(root) == {:ok, [booted()]}
    assert ReleasesFile.listed_permanent(root) == {:ok, "1.0.0"}

    start = Path.join(root, "releases/start_erl.data")
    assert ReleasesFile.permanent(root) == :error
    File.write!(start, "")
    assert ReleasesFile.permanent(root) == :error
    File.write!(start, "13.1.5 1.0.0")
    assert ReleasesFile.permanent(root) == {:ok, "1.0.0"}
  end

  test "a release is made permanent in both files, and back", %{tmp_dir: tmp_dir} do
    root = root(tmp_dir, ["1.0.0", "1.1.0"])
    listed = [entry("1.1.0", :unpacked), entry("1.0.0", :permanent)]
    File.write!(Path.join(root, "releases/RELEASES"), :io_lib.format("~p.~n", [listed]))
    File.write!(Path.join(root, "releases/start_erl.data"), "13.1.5 1.0.0")

    assert :ok = ReleasesFile.make_permanent(root, "1.1.0")
    assert ReleasesFile.read(root) == {:ok, [entry("1.1.0", :permanent), entry("1.0.0", :old)]}
    assert ReleasesFile.permanent(root) == {:ok, "1.1.0"}

    assert :ok = ReleasesFile.make_permanent(root, "1.0.0")
    assert ReleasesFile.listed_permanent(root) == {:ok, "1.0.0"}
    assert ReleasesFile.permanent(root) == {:ok, "1.0.0"}
    assert {:error, %Bloom.Error{code: :releases_damaged}} = ReleasesFile.make_permanent(root, "2.0.0")
  end
end
