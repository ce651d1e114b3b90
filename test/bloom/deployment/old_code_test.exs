defmodule Bloom.Deployment.OldCodeTest do
  use ExUnit.Case, async: true

  alias Bloom.Deployment.OldCode

  defp load(body) do
    [{module, _beam}] = Code.compile_string("defmodule Bloom.OldCodeProbe do\n#{body}\nend")
    module
  end

  test "waits for a process to leave, names it when it does not, and never kills it" do
    Code.put_compiler_option(:ignore_module_conflict, true)
    probe = load("def wait(to), do: send(to, :waits) && receive(do: (:go -> :ok))")
    pid = spawn(probe, :wait, [self()])
    assert_receive :waits
    load("def wait, do: :other")

    assert {:error, {^probe, [^pid]}} = OldCode.clear([probe], 0)
    assert Process.alive?(pid)

    waiting = Task.async(fn -> OldCode.clear([probe], 5_000) end)
    send(pid, :go)
    assert :ok = Task.await(waiting)
    refute :erlang.check_old_code(probe)
    assert :ok = OldCode.clear([probe], 0)
  after
    Code.put_compiler_option(:ignore_module_conflict, false)
  end
end
