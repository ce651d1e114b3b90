defmodule Bloom.PipelineTest do
  use ExUnit.Case

  alias Bloom.{Error, Native, Pipeline}

  doctest Pipeline

  @moduletag :tmp_dir

  test "a file is written whole, with its digest, and read again", %{tmp_dir: dir} do
    path = Path.join(dir, "numbers")
    reference = make_ref()
    watch = %{progress: {self(), reference}}

    for compression <- [:zstd, :gzip] do
      assert {:ok, %{exits: [%{status: 0}], output: written}} =
               Pipeline.run([sh("seq 1 100000")], to: {path, compression}, expected: 588_895, watch: watch)

      assert {:ok, %{bytes: bytes, sha256: sha256}} = Native.file_digest(path)
      assert written == %{bytes: bytes, sha256: sha256, contents: 588_895}
      assert_received {:bloom_progress, ^reference, 588_895, 588_895}
      assert {:ok, %{output: "100000\n"}} = Pipeline.run([sh("tail -n 1")], from: path)
    end

    assert File.ls!(dir) == ["numbers"]
    assert Bitwise.band(File.stat!(path).mode, 0o777) == 0o600
  end

  test "how each program has ended is told, and then there is no output", %{tmp_dir: dir} do
    path = Path.join(dir, "numbers")
    assert {:ok, outcome} = Pipeline.run([sh("seq 1 10; echo why >&2; exit 7"), sh("cat")], to: {path, :zstd})
    assert %{exits: [%{program: "sh", status: 7, stderr: "why\n"}, %{status: 0}], output: nil} = outcome
    assert File.ls!(dir) == []
  end

  test "it is killed with its children when nobody waits for it any more", %{tmp_dir: dir} do
    fifo = Path.join(dir, "fifo")
    {_output, 0} = System.cmd("mkfifo", [fifo])
    job = spawn(fn -> Pipeline.run([sh("exec 3>#{fifo}; echo started >&3; sleep 100 & wait")]) end)
    reader = Port.open({:spawn_executable, "/bin/cat"}, [:binary, :exit_status, args: [fifo]])
    assert_receive {^reader, {:data, "started\n"}}, 10_000

    Process.exit(job, :kill)
    # Nobody has the other end any more: neither the shell nor its child.
    assert_receive {^reader, {:exit_status, 0}}, 10_000
  end

  test "it can be cancelled and has a time limit", %{tmp_dir: dir} do
    {:ok, token} = Native.cancel_token()
    job = Task.async(fn -> Pipeline.run([sh("sleep 100")], watch: %{cancel: token}) end)
    :ok = Native.cancel(token)
    assert {:error, %Error{code: :cancelled}} = Task.await(job)

    pid_file = Path.join(dir, "pid")
    script = "sleep 100 & echo $! >#{pid_file}; wait"
    assert {:error, %Error{code: :timed_out}} = Pipeline.run([sh(script)], timeout_ms: 2_000)
    assert gone?(pid_file)
  end

  test "programs have nothing open of what the VM has", %{tmp_dir: dir} do
    {:ok, socket} = :gen_tcp.listen(0, ip: {127, 0, 0, 1})
    {:ok, file} = :file.open(Path.join(dir, "file"), [:write, :raw])

    # The last one is the directory itself.
    open = "/dev/fd/0 /dev/fd/1 /dev/fd/2 /dev/fd/3\n"
    assert {:ok, %{output: ^open}} = Pipeline.run([sh("echo /dev/fd/*")])

    :ok = :file.close(file)
    :ok = :gen_tcp.close(socket)
  end

  test "a program that is not there is an error" do
    missing = %{program: "/no/such/program", arguments: [], environment: []}
    assert {:error, %Error{code: :program_not_started, message: message}} = Pipeline.run([missing])
    assert message =~ "/no/such/program"
  end

  test "environments are in no exception" do
    broken = %{program: "/bin/sh", arguments: [:none], environment: [{"PGPASSWORD", "hush-hush"}]}

    try do
      Pipeline.run([broken])
      flunk("it takes anything")
    rescue
      error -> refute Exception.format(:error, error, __STACKTRACE__) =~ "hush"
    end
  end

  defp sh(script), do: %{program: "/bin/sh", arguments: ["-c", script], environment: [{"PATH", "/usr/bin:/bin"}]}

  # One that is killed takes a moment.
  defp gone?(pid_file, deadline \\ System.monotonic_time(:millisecond) + 20_000) do
    cond do
      ended?(pid_file |> File.read!() |> String.trim()) -> true
      System.monotonic_time(:millisecond) > deadline -> false
      true -> receive(after: (10 -> gone?(pid_file, deadline)))
    end
  end

  defp ended?(pid) do
    case File.read("/proc/#{pid}/stat") do
      {:ok, stat} -> stat =~ ") Z "
      {:error, _gone} -> true
    end
  end
end
