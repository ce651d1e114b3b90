defmodule Bloom.NativeTest do
  # Watches schedulers, which other tests keep busy.
  use ExUnit.Case, async: false

  alias Bloom.{Error, Native}

  doctest Native

  @moduletag :tmp_dir

  describe "progress" do
    test "arrives with the caller's reference and ends with everything", %{tmp_dir: dir} do
      archive = write!(dir, "garden-1.0.0.tar.gz", :zlib.gzip(:binary.copy(<<0>>, 10_240)))
      size = File.stat!(archive).size
      reference = make_ref()

      assert {:error, %Error{}} = Native.archive_verify(archive, %{progress: {self(), reference}})
      assert_received {:bloom_progress, ^reference, ^size, ^size}
    end

    test "does not need a process that is still there", %{tmp_dir: dir} do
      archive = write!(dir, "garden-1.0.0.tar.gz", :zlib.gzip(:binary.copy(<<0>>, 10_240)))
      {gone, monitor} = spawn_monitor(fn -> :ok end)
      assert_receive {:DOWN, ^monitor, :process, ^gone, :normal}

      assert {:error, %Error{code: code}} = Native.archive_verify(archive, %{progress: {gone, make_ref()}})
      refute code == :native_panic
    end
  end

  describe "cancelling" do
    test "stops what runs", %{tmp_dir: dir} do
      archive = long_archive(dir)
      {:ok, token} = Native.cancel_token()
      reference = make_ref()
      job = Task.async(Native, :archive_verify, [archive, %{cancel: token, progress: {self(), reference}}])
      assert_receive {:bloom_progress, ^reference, _done, _total}, 10_000

      assert :ok = Native.cancel(token)
      assert {:error, %Error{code: :cancelled}} = Task.await(job, 10_000)
    end

    test "stops what has not begun", %{tmp_dir: dir} do
      archive = write!(dir, "garden-1.0.0.tar.gz", :zlib.gzip(:binary.copy(<<0>>, 10_240)))
      {:ok, token} = Native.cancel_token()
      assert :ok = Native.cancel(token)
      assert {:error, %Error{code: :cancelled}} = Native.archive_verify(archive, %{cancel: token})
    end

    test "happens by itself when nobody waits any more", %{tmp_dir: dir} do
      archive = long_archive(dir)
      {:ok, token} = Native.cancel_token()
      watch = %{cancel: token, progress: {self(), make_ref()}}
      job = spawn(Native, :archive_verify, [archive, watch])
      assert_receive {:bloom_progress, _reference, _done, _total}, 10_000
      refute cancelled?(token)

      Process.exit(job, :kill)
      assert Enum.any?(1..500, fn _attempt -> cancelled?(token) or wait(10) end)
    end
  end

  describe "schedulers" do
    test "the normal ones are left alone while it works", %{tmp_dir: dir} do
      archive = long_archive(dir)
      {:ok, token} = Native.cancel_token()
      reference = make_ref()
      job = Task.async(Native, :archive_verify, [archive, %{cancel: token, progress: {self(), reference}}])
      pid = job.pid

      # Four messages are 400 ms of work in one call; on a normal scheduler the VM would tell.
      previous = :erlang.system_monitor(self(), [{:long_schedule, 200}])
      on_exit(fn -> :erlang.system_monitor(previous) end)
      for _message <- 1..4, do: assert_receive({:bloom_progress, ^reference, _done, _total}, 10_000)

      :ok = Native.cancel(token)
      assert {:error, %Error{code: :cancelled}} = Task.await(job, 10_000)
      refute_received {:monitor, ^pid, :long_schedule, _details}
    end

    test "every function that touches files says that it runs on a dirty one" do
      flags =
        for file <- Path.wildcard("native/bloom_nif/src/*.rs"),
            [_, name, rest] <- Regex.scan(~r/#\[rustler::nif\(name = "(\w+)"(.*)\)\]/, File.read!(file)),
            into: %{},
            do: {name, rest}

      stubs = for {name, _arity} <- Native.__info__(:functions), "nif_" <> _ = stub <- [to_string(name)], do: stub
      assert Enum.sort(Map.keys(flags)) == Enum.sort(stubs)

      assert ~w(nif_cancel nif_cancel_token nif_cancelled) ==
               for({name, flag} <- flags, flag != ~s(, schedule = "DirtyIo"), do: name) |> Enum.sort()
    end
  end

  describe "what goes wrong" do
    test "is an error with a code and the next step" do
      assert {:error, %Error{code: :io, message: message}} = Native.tree_digest("/no/such/directory")
      assert message =~ "/no/such/directory"
    end

    test "is raised by ok!" do
      assert_raise Error, ~r"/no/such/directory", fn -> Native.ok!(Native.tree_digest("/no/such/directory")) end
    end

    test "is never more than an error when the library has a bug", %{tmp_dir: dir} do
      output =
        in_another_vm(ebin!(dir, "sound"), """
        {:error, %{code: :native_panic, message: message}} = Bloom.Native.nif_bug("the reason")
        true = message =~ "the reason"
        {:ok, _digest} = Bloom.Native.tree_digest("#{dir}")
        IO.puts("alive")
        """)

      assert output =~ "alive"
    end
  end

  describe "without the library" do
    test "the node lives and the functions say what is missing", %{tmp_dir: dir} do
      ebin = ebin!(dir, "lost")
      File.rm_rf!(Path.join(ebin, "../priv"))

      assert in_another_vm(ebin, explain()) =~ ~r"native_not_loaded: Bloom's native library is not loaded: .*bloom_nif"
    end

    test "a damaged one is no different", %{tmp_dir: dir} do
      ebin = ebin!(dir, "damaged")
      [library] = Path.wildcard(Path.join(ebin, "../priv/native/*.so"))
      File.write!(library, "not a library")

      assert in_another_vm(ebin, explain()) =~ ~r"native_not_loaded: .*; build it on a machine like this one"
    end
  end

  test "another build takes over in a running VM, and the first one again", %{tmp_dir: dir} do
    [one, two] = for name <- ["one", "two"], do: ebin!(dir, name)

    output =
      in_another_vm(one, """
      {:ok, digest} = Bloom.Native.tree_digest("#{two}")
      {:ok, token} = Bloom.Native.cancel_token()
      Application.put_env(:bloom, :app_root, "#{Path.join(dir, "one")}")
      :ok = Bloom.Metadata.save_migration_info("1.1.0", %{})

      for ebin <- [~c"#{two}", ~c"#{one}", ~c"#{two}"] do
        true = :code.replace_path(:bloom, ebin)
        true = :code.soft_purge(Bloom.Native)
        {:module, Bloom.Native} = :code.load_file(Bloom.Native)
        true = List.starts_with?(:code.which(Bloom.Native), ebin)
        {:ok, ^digest} = Bloom.Native.tree_digest("#{two}")
        {:ok, ours} = Bloom.Native.cancel_token()
        {:error, %{code: :io}} = Bloom.Native.archive_verify("missing", %{cancel: ours})

        try do
          Bloom.Native.cancel(token)
        rescue
          ArgumentError -> IO.puts("old token refused")
        end

        :ok = Bloom.Metadata.save_migration_info("1.1.0", %{})
      end

      {:ok, [_, _, _, _]} = Bloom.Metadata.get_migration_info("1.1.0")
      """)

    assert length(String.split(output, "old token refused")) == 4
  end

  test "the crates have the application's version, which is how they know each other" do
    version = Bloom.MixProject.project()[:version]
    assert File.read!("Cargo.toml") =~ ~s(\nversion = "#{version}"\n)
  end

  defp explain do
    """
    {:error, error} = Bloom.Native.tree_digest("test")
    IO.puts("\#{error.code}: \#{error.message}")
    """
  end

  defp write!(dir, name, content) do
    path = Path.join(dir, name)
    File.write!(path, content)
    path
  end

  # Four gigabytes in some sixty megabytes, which take seconds to read and no time to make: a block of deflate that
  # stands for itself, many times over.
  defp long_archive(dir) do
    zlib = :zlib.open()
    :ok = :zlib.deflateInit(zlib, :default, :deflated, -15, 8, :default)
    deflate = &(zlib |> :zlib.deflate(&1, :full) |> IO.iodata_to_binary())

    megabyte = 8192 |> :crypto.strong_rand_bytes() |> :binary.copy(128) |> deflate.()
    content = :binary.copy(megabyte, 2047)
    headers = for name <- ["one", "two"], do: deflate.(tar_header("lib/garden-1.0.0/priv/" <> name, 2047 * 1024 * 1024))
    write!(dir, "garden-1.0.0.tar.gz", [<<31, 139, 8, 0::56>> | Enum.map(headers, &[&1, content])])
  end

  defp tar_header(name, size) do
    before = [String.pad_trailing(name, 100, <<0>>), "0000644", 0, "0000000", 0, "0000000", 0, octal(size, 11), 0]
    before = IO.iodata_to_binary([before, "00000000000", 0])
    rest = String.pad_trailing("0", 101, <<0>>) <> "ustar" <> <<0>> <> "00" <> :binary.copy(<<0>>, 247)
    checksum = Enum.sum(:binary.bin_to_list(before <> "        " <> rest))
    before <> octal(checksum, 6) <> <<0, 32>> <> rest
  end

  defp octal(number, digits), do: number |> Integer.to_string(8) |> String.pad_leading(digits, "0")

  # What was given the same token is cancelled with it.
  defp cancelled?(token) do
    match?({:error, %Error{code: :cancelled}}, Native.archive_verify("mix.exs", %{cancel: token}))
  end

  # Nobody tells when a dead process's work was cancelled.
  defp wait(milliseconds) do
    receive do
      :never -> true
    after
      milliseconds -> false
    end
  end

  # The application as a release would have it, in a directory of its own.
  defp ebin!(dir, name) do
    app = Path.join([dir, name, "bloom"])
    File.mkdir_p!(app)
    for part <- ["ebin", "priv"], do: File.cp_r!(Application.app_dir(:bloom, part), Path.join(app, part))
    Path.join(app, "ebin")
  end

  defp in_another_vm(ebin, code) do
    {output, status} = System.cmd("elixir", ["-pa", ebin, "-e", code], stderr_to_stdout: true)
    assert status == 0, output
    output
  end
end
