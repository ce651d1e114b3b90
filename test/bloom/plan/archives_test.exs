defmodule Bloom.Plan.ArchivesTest do
  use ExUnit.Case, async: true

  alias Bloom.{Error, Plan}
  alias Bloom.Plan.Archives
  alias Bloom.Test.TinyArchive

  @moduletag :tmp_dir

  @plain [{"garden_beds", "count() -> 1."}]

  defp archives(dir, old, new) do
    {TinyArchive.write(dir, "1.0.0", old), TinyArchive.write(dir, "1.1.0", new)}
  end

  test "own code that changed is hot", %{tmp_dir: dir} do
    {old, new} = archives(dir, @plain, [{"garden_beds", "count() -> 2."}, {"garden_new", "new() -> ok."}])
    assert {:ok, %Plan{decision: :hot, running: "1.0.0", target: "1.1.0", reasons: []} = plan} = Archives.make(old, new)

    assert [
             %{
               name: "garden_code",
               from_version: "1.0.0",
               to_version: "1.1.0",
               modules: [%{name: "garden_beds", change: :changed}, %{name: "garden_new", change: :added}]
             }
           ] = Enum.reject(plan.applications, &(&1.change == :unchanged))
  end

  test "the way back is planned as well", %{tmp_dir: dir} do
    {old, new} = archives(dir, @plain, [{"garden_new", "new() -> ok."}])

    assert {:ok, %Plan{decision: :hot, running: "1.1.0", target: "1.0.0", warnings: [%{code: "downgrade"}]}} =
             Archives.make(new, old)
  end

  test "a hand-written appup is tried out", %{tmp_dir: dir} do
    old = TinyArchive.write(dir, "1.0.0", @plain)
    changed = [{"garden_beds", "count() -> 2."}]
    appup = fn version, way -> ~s({"#{version}",[{"1.0.0",#{way}}],[{"1.0.0",#{way}}]}.\n) end
    good = TinyArchive.write(dir, "1.1.0", changed, appup: appup.("1.1.0", "[{load_module,garden_beds}]"))
    forgetful = TinyArchive.write(dir, "1.2.0", changed, appup: appup.("1.2.0", "[]"))
    wrong = TinyArchive.write(dir, "1.3.0", changed, appup: appup.("1.3.0", "[{load,garden_beds}]"))

    assert {:ok, %Plan{decision: :hot}} = Archives.make(old, good)

    for {archive, words} <- [
          {forgetful, "does not load the changed module :garden_beds"},
          {wrong, "an instruction is none that OTP knows"}
        ] do
      assert {:ok, %Plan{decision: :refuse, reasons: [%{code: "invalid_relup", message: message}]}} =
               Archives.make(old, archive)

      assert message =~ words
      refute message =~ "bloom-plan"
    end
  end

  test "another Erlang is a restart", %{tmp_dir: dir} do
    old = TinyArchive.write(dir, "1.0.0", @plain)
    new = TinyArchive.write(dir, "1.1.0", @plain, erts: "14.0")
    assert {:ok, %Plan{decision: :restart, reasons: [%{code: "erts_changed"}]}} = Archives.make(old, new)
  end

  test "a plan names no path that is gone by then", %{tmp_dir: dir} do
    {old, new} = archives(dir, @plain, @plain)
    refused = TinyArchive.write(dir, "1.2.0", @plain, rel_erts: "14.0")
    assert {:ok, %Plan{root: ".", decision: :refuse, reasons: [%{message: message}]}} = Archives.make(old, refused)
    assert message =~ ~r"^releases/1.2.0/garden.rel does not say"
    assert {:ok, %Plan{root: "."}} = Archives.make(old, new)
  end

  test "what is no way at all is an error that names the archive", %{tmp_dir: dir} do
    {old, new} = archives(dir, @plain, [])
    other = Path.join(dir, "other")
    File.mkdir_p!(other)
    rebuilt = TinyArchive.write(other, "1.0.0", @plain, erts: "14.0")
    foreign = TinyArchive.write(other, "1.1.0", [], name: "meadow")
    torn = TinyArchive.write(other, "1.3.0", [], rel_erts: "14.0")
    broken = Path.join(other, "broken.tar.gz")
    File.write!(broken, "nothing")

    for {from, to, code, message} <- [
          {old, old, :same_version, "#{old}: it is release 1.0.0 as well"},
          {old, rebuilt, :same_version, "#{rebuilt}: it is release 1.0.0 as well"},
          {old, foreign, :wrong_release, "#{foreign}: "},
          {torn, new, :rel_mismatch, "#{torn}: "},
          {Path.join(dir, "no.tar.gz"), new, :archive_not_found, "there is no archive #{dir}/no.tar.gz"},
          {old, Path.join(dir, "no.tar.gz"), :archive_not_found, "there is no archive #{dir}/no.tar.gz"},
          {old, broken, :damaged, "#{broken}: "}
        ] do
      assert {:error, %Error{code: ^code, message: found}} = Archives.make(from, to)
      assert String.starts_with?(found, message), found
    end
  end
end
