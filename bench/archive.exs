defmodule Bench.Archive do
  @moduledoc "Reading an archive and putting it in place, and the memory that takes."

  import Bench.Measure

  alias Bloom.Native
  alias Bloom.Test.{Garden, Node}

  @version "9.0.0"

  def run(dir) do
    small = archive(Path.join(dir, "small"), 135)
    large = archive(Path.join(dir, "large"), 1_100)
    expect = %{name: "garden", version: @version}

    read =
      in_turn(
        bloom: fn -> {:ok, _} = Native.archive_verify(small, expect) end,
        gzip: fn -> {_, 0} = System.cmd("gzip", ["-t", small]) end,
        erl_tar: fn -> {:ok, _} = :erl_tar.table(to_charlist(small), [:compressed]) end
      )

    root = Path.join(dir, "node")
    Node.deploy(Garden.archive("1.0.0"), root)
    {:ok, node} = Node.start(root)
    put = put_in_place(node, small)
    memory = memory(node, large)
    Node.stop(node)

    [
      "## Archive\n\n",
      "#{mib(File.stat!(small).size)} compressed, 135 MiB unpacked, 6,700 files. Bloom digests every file; ",
      "the others do not.\n\n",
      table(["", "time", "Bloom's share of it", "aim"], [
        ["Bloom: verify (inflate, tar, SHA-256 of every file and of the whole)", ms(read.bloom), "", ""],
        ["`gzip -t`", ms(read.gzip), ratio(read.bloom, read.gzip), "0.6"],
        ["`:erl_tar.table`", ms(read.erl_tar), ratio(read.bloom, read.erl_tar), "0.6"],
        ["Bloom: verify and stage, synced to disk", ms(put.bloom), "", ""],
        ["`:release_handler.unpack_release`, not synced", ms(put.otp), ratio(put.bloom, put.otp), "0.33"]
      ]),
      table(["archive of #{mib(File.stat!(large).size)}", "peak growth of the VM", "aim"], [
        ["Bloom: verify and stage", mib(memory.bloom), "32 MiB"],
        ["`:release_handler.unpack_release`", mib(memory.otp), ""]
      ])
    ]
  end

  # In the node itself, as a deployment does it; what was put in place is removed before the next run, not timed.
  defp put_in_place(node, archive) do
    runs =
      for _run <- 0..3 do
        # OTP removes the archive that it has unpacked.
        :ok = Node.upload(node, archive)
        bloom = time(fn -> stage(node) end)
        clean(node)
        otp = time(fn -> unpack(node) end)
        clean(node)
        {bloom, otp}
      end

    [_warm_up | runs] = runs
    %{bloom: runs |> Enum.map(&elem(&1, 0)) |> median(), otp: runs |> Enum.map(&elem(&1, 1)) |> median()}
  end

  defp memory(node, archive) do
    Node.upload(node, archive)
    growth = fn fun -> grown(Node.os_pid(node), fun) end
    bloom = growth.(fn -> stage(node) end)
    clean(node)
    otp = growth.(fn -> unpack(node) end)
    clean(node)
    %{bloom: bloom, otp: otp}
  end

  defp grown(os_pid, fun) do
    reset_peak(os_pid)
    before = resident(os_pid)
    fun.()
    max(peak(os_pid) - before, 0)
  end

  defp stage(node) do
    path = Path.join(node.root, "releases/garden-#{@version}.tar.gz")
    {:ok, _} = Node.rpc(node, Native, :archive_stage, [path, %{root: node.root, name: "garden", version: @version}])
  end

  defp unpack(node), do: {:ok, _} = Node.rpc(node, :release_handler, :unpack_release, [~c"garden-#{@version}"])

  defp clean(node) do
    Node.rpc(node, :release_handler, :set_removed, [to_charlist(@version)])
    for path <- ["lib/ballast-1.0.0", "releases/#{@version}"], do: File.rm_rf!(Path.join(node.root, path))
  end

  # Garden's own files and an application of ballast: files of the sizes and the compressibility of beams.
  defp archive(dir, mebibytes) do
    Node.deploy(Garden.archive("1.0.0"), dir)
    File.rename!(Path.join(dir, "releases/1.0.0"), Path.join(dir, "releases/#{@version}"))
    ballast(Path.join(dir, "lib/ballast-1.0.0/ebin"), mebibytes)
    [rel] = Path.wildcard(Path.join(dir, "releases/#{@version}/garden.rel"))
    {:ok, [{:release, _, erts, apps}]} = :file.consult(rel)
    release = {:release, {~c"garden", to_charlist(@version)}, erts, apps ++ [{:ballast, ~c"1.0.0"}]}
    File.write!(rel, :io_lib.format("~tp.~n", [release]))
    # Where OTP's own unpacking looks for it.
    File.cp!(rel, Path.join(dir, "releases/garden-#{@version}.rel"))

    {:erts, erts} = erts
    dirs = ["bin", "releases/#{@version}", "releases/garden-#{@version}.rel", "erts-#{erts}"]
    libs = for app <- Tuple.to_list({apps}) |> hd(), do: "lib/#{elem(app, 0)}-#{elem(app, 1)}"
    entries = dirs ++ libs ++ ["lib/ballast-1.0.0"]
    {:ok, _files} = Native.manifest_write(dir, header(erts, apps), entries)
    path = Path.join(Path.dirname(dir), "#{Path.basename(dir)}/garden-#{@version}.tar.gz")
    {_, 0} = System.cmd("tar", ["czf", path | entries ++ ["releases/COOKIE", "releases/start_erl.data"]], cd: dir)
    path
  end

  defp ballast(dir, mebibytes) do
    File.mkdir_p!(dir)
    size = div(mebibytes * 1_048_576, 6_700)

    for index <- 1..6_700 do
      noise = :crypto.strong_rand_bytes(div(size, 3))

      File.write!(Path.join(dir, "ballast_#{index}.bin"), [noise, :binary.copy("get_tuple_element ", div(size * 2, 54))])
    end
  end

  defp header(erts, apps) do
    applications =
      for {name, version} <- [{"ballast", "1.0.0"} | Enum.map(apps, &{to_string(elem(&1, 0)), to_string(elem(&1, 1))})] do
        %{name: name, version: version, base_version: version, kind: :own}
      end

    %{
      name: "garden",
      version: @version,
      erts_version: to_string(erts),
      otp_release: System.otp_release(),
      elixir_version: System.version(),
      applications: applications
    }
  end
end
