defmodule Bloom.SysConfigTest do
  use ExUnit.Case, async: true

  alias Bloom.SysConfig

  @moduletag :tmp_dir

  setup %{tmp_dir: tmp_dir} do
    path = Path.join(tmp_dir, "sys.config")
    File.write!(path, "[{garden,[{pristine,true}]}].")
    %{path: path}
  end

  test "lends the resolved file, readable by its owner only, and puts the pristine one back", %{
    tmp_dir: dir,
    path: path
  } do
    result =
      SysConfig.with_resolved(dir, [garden: [secret: "ü"]], fn ->
        {:ok, [config]} = :file.consult(path)
        {config, Bitwise.band(File.stat!(path).mode, 0o777)}
      end)

    assert result == {[garden: [secret: "ü"]], 0o600}
    assert File.read!(path) =~ "pristine"
    assert File.ls!(dir) == ["sys.config"]
  end

  test "puts it back when the install raises", %{tmp_dir: dir, path: path} do
    assert_raise RuntimeError, fn -> SysConfig.with_resolved(dir, [], fn -> raise "boom" end) end
    assert File.read!(path) =~ "pristine"
  end

  test "a resolved file that a killed switch left is never taken for the pristine one", %{tmp_dir: dir, path: path} do
    {:ok, _task} =
      Task.start(fn ->
        SysConfig.with_resolved(dir, [garden: [left: true]], fn ->
          Process.exit(self(), :kill)
          receive(do: (:never -> :ok))
        end)
      end)
      |> tap(fn {:ok, pid} ->
        ref = Process.monitor(pid)
        assert_receive {:DOWN, ^ref, _, _, :killed}, 5000
      end)

    assert File.read!(path) =~ "left"
    SysConfig.with_resolved(dir, [], fn -> :ok end)
    assert File.read!(path) =~ "pristine"
  end
end
