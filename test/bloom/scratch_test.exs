defmodule Bloom.ScratchTest do
  # Alone, as it names the directory for temporary files.
  use ExUnit.Case

  alias Bloom.{Error, Scratch}

  @moduletag :tmp_dir

  doctest Scratch

  setup %{tmp_dir: dir} do
    before = System.get_env("TMPDIR")
    System.put_env("TMPDIR", dir)
    on_exit(fn -> if before, do: System.put_env("TMPDIR", before), else: System.delete_env("TMPDIR") end)
    :ok
  end

  # The keeper is another process of the operating system: nobody tells when it is done.
  defp await_empty(dir, tries \\ 500) do
    cond do
      File.ls!(dir) == [] -> :ok
      tries == 0 -> flunk("#{dir} still holds #{inspect(File.ls!(dir))}")
      true -> receive(after: (20 -> await_empty(dir, tries - 1)))
    end
  end

  test "the directory is its user's own, and gone afterwards", %{tmp_dir: dir} do
    assert Scratch.run("test", fn path ->
             assert Path.dirname(path) == dir
             assert Bitwise.band(File.stat!(path).mode, 0o777) == 0o700
             File.mkdir_p!(Path.join(path, "a/b"))
             File.write!(Path.join(path, "a/b/c"), "")
             :answer
           end) == :answer

    assert File.ls!(dir) == []
  end

  test "it is gone when the work raises, and no message is left over", %{tmp_dir: dir} do
    assert_raise RuntimeError, fn -> Scratch.run("test", fn _path -> raise "no" end) end
    assert File.ls!(dir) == []
    refute_received _message
  end

  test "it is gone when the process that works in it is killed", %{tmp_dir: dir} do
    test = self()

    pid =
      spawn(fn ->
        Scratch.run("test", fn path ->
          File.write!(Path.join(path, "file"), "")
          send(test, :working)
          receive(do: (:never -> :ok))
        end)
      end)

    assert_receive :working, 5_000
    assert [_path] = File.ls!(dir)
    Process.exit(pid, :kill)
    await_empty(dir)
  end

  test "it is gone when the VM is killed", %{tmp_dir: dir} do
    code = """
    Bloom.Scratch.run("test", fn path ->
      File.write!(Path.join(path, "file"), "")
      IO.puts("working")
      Process.sleep(:infinity)
    end)
    """

    port =
      Port.open({:spawn_executable, System.find_executable("elixir")}, [
        :binary,
        :exit_status,
        line: 200,
        args: ["-pa", Application.app_dir(:bloom, "ebin"), "-e", code]
      ])

    assert_receive {^port, {:data, {:eol, "working"}}}, 30_000
    assert [_path] = File.ls!(dir)
    {:os_pid, os_pid} = Port.info(port, :os_pid)
    {_output, 0} = System.cmd("kill", ["-KILL", "#{os_pid}"])
    assert_receive {^port, {:exit_status, _status}}, 10_000
    await_empty(dir)
  end

  test "where none can be made, that is said" do
    before = System.get_env("TMPDIR")
    System.put_env("TMPDIR", "/proc")
    on_exit(fn -> System.put_env("TMPDIR", before) end)

    case Scratch.run("test", fn _path -> flunk("there is none") end) do
      {:error, %Error{code: :no_scratch, suggestions: [_what_to_do]}} -> :ok
    end
  end
end
