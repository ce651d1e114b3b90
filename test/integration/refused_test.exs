defmodule Bloom.Integration.RefusedTest do
  # Versions and archives that must not get through: the node serves on, its tree and environment as they were.
  use Bloom.Test.ReleaseCase

  # What a cancel and the installation that it was meant for answer.
  @cancelled_while_it_unpacks """
  installation = Task.async(fn -> Bloom.ReleaseManager.install_release("1.1.0") end)

  unpacking = fn unpacking ->
    case Bloom.status() do
      %{stage: :stage, progress: {done, total}} when done in 1..(total - 1) -> Bloom.cancel()
      _not_yet -> if Process.alive?(installation.pid), do: unpacking.(unpacking), else: :too_late
    end
  end

  {unpacking.(unpacking), Task.await(installation)}
  """

  # Installs, then snapshots the node, switches, and proves that the refusal changed nothing.
  defp refuses(node, version) do
    assert :ok = install(node, version)
    refuses_switch(node, version)
  end

  defp refuses_switch(node, version) do
    before = state(node)
    assert {:error, message} = switch(node, version)
    assert state(node) == before
    assert Node.get(node, "/version") == "1.0.0"
    message
  end

  defp state(node) do
    tree =
      Map.reject(Node.tree(node.root), fn {path, _digest} ->
        Path.basename(path) == "relup" or path =~ ~r"^bloom[.]db"
      end)

    {tree, environment(node), Node.eval(node, "Application.spec(:garden, :vsn)"), running(node), Node.os_pid(node)}
  end

  test "a code_change that raises is found on a copy of the state, not in the process", %{node: node} do
    Node.get(node, "/water?bed=north")
    message = refuses(node, "1.3.0-raises")
    assert message =~ "code_change of Garden.Beds failed on a copy of live state"
    assert message =~ "frost"
    assert Node.get(node, "/beds") == "1"
  end

  test "a configuration that does not resolve", %{node: node} do
    assert refuses(node, "1.3.0-noboot") =~ "GARDEN_WELL_THAT_NOBODY_DUG"
  end

  test "a configuration that its Bloom would not start with", %{node: node, root: root} do
    assert :ok = install(node, "1.1.0")

    File.write!(
      Path.join(root, "releases/1.1.0/runtime.exs"),
      "\nconfig :bloom, probation: 1, busy_timeout_ms: :long",
      [
        :append
      ]
    )

    message = refuses_switch(node, "1.1.0")
    assert message =~ "unknown option config :bloom, :probation, did you mean :probation_ms?"
    assert message =~ "expected config :bloom, :busy_timeout_ms to be a positive integer, got: :long"
  end

  test "a compile-time setting that differs at run time", %{node: node} do
    assert refuses(node, "1.3.0-compileenv") =~ "different value set for key :soil"
  end

  test "a module whose on_load fails", %{node: node} do
    assert refuses(node, "1.3.0-onload") =~ "module Garden.Health of release 1.3.0-onload cannot be loaded"
  end

  test "children that no upgrade can compare need a restart", %{node: node} do
    message = refuses(node, "1.3.0-inline")
    assert message =~ "needs a restart of the VM"
    assert message =~ "Garden.Application"
  end

  test "a failed health check takes the release back, under load", %{node: node} do
    assert :ok = install(node, "1.3.0-unhealthy")
    before = state(node)
    pid = Node.os_pid(node)
    {result, load} = Load.during(node.http_port, fn -> switch(node, "1.3.0-unhealthy") end)

    assert {:error, message} = result
    assert message =~ "was taken back, 1.0.0 runs: health check garden failed: drought"
    assert load.failures == []
    assert Node.get(node, "/beds") == Integer.to_string(load.watered)
    assert Node.os_pid(node) == pid
    assert Node.get(node, "/seeds") == "radish"
    assert state(node) == before
  end

  test "a new child that does not start takes the release back", %{node: node} do
    assert :ok = install(node, "1.3.0-deadchild")
    before = state(node)
    assert {:error, message} = switch(node, "1.3.0-deadchild")
    assert message =~ "the new child Garden.Weather of Garden.Supervisor did not start"
    assert state(node) == before
  end

  test "a damaged archive is refused, a long one can be cancelled while it unpacks, a good one is taken afterwards", %{
    node: node
  } do
    archive = Bloom.Test.Garden.archive("1.1.0")
    upload = Path.join([node.root, "releases", Path.basename(archive)])
    bytes = File.read!(archive)
    middle = div(byte_size(bytes), 2)
    <<head::binary-size(middle), byte, tail::binary>> = bytes

    for damaged <- [head, <<head::binary, Bitwise.bxor(byte, 255), tail::binary>>] do
      File.write!(upload, damaged)
      before = state(node)
      assert {:error, message} = Node.rpc(node, Bloom.ReleaseManager, :install_release, ["1.1.0"])
      assert message =~ "damaged or incomplete"
      assert state(node) == before
    end

    File.write!(upload, long(bytes))
    before = state(node)
    assert {:ok, {:error, "cancelled" <> _}} = Node.eval(node, @cancelled_while_it_unpacks)
    assert state(node) == before
    {:ok, [deployment | _]} = Node.rpc(node, Bloom.Metadata, :get_deployment_history, [])

    assert %{outcome: :cancelled, steps: [%{result: :ok}, %{step: :stage, result: {:error, "cancelled" <> _}} | _]} =
             deployment

    assert :ok = install(node, "1.1.0")
    assert :ok = switch(node, "1.1.0")
  end

  # With so many zeros after its last file that progress is told long before they are read.
  defp long(archive) do
    tar = :zlib.gunzip(archive)
    zeros = :binary.copy(<<0>>, 1_048_576)
    stream = :zlib.open()
    :ok = :zlib.deflateInit(stream, :none, :deflated, 31, 8, :default)
    files = :zlib.deflate(stream, tar, :full)
    :ok = :zlib.deflateParams(stream, :best_speed, :default)
    # Flushed in full, the second mebibyte is compressed as every other one would be.
    [first, second] = for _mebibyte <- 1..2, do: :zlib.deflate(stream, zeros, :full)

    zeros_crc = :erlang.crc32(zeros)
    combine = fn _mebibyte, crc -> :erlang.crc32_combine(crc, zeros_crc, byte_size(zeros)) end
    crc = Enum.reduce(1..4_000, :erlang.crc32(tar), combine)
    size = byte_size(tar) + 4_000 * byte_size(zeros)
    # An empty last block, and gzip's trailer.
    [files, first, List.duplicate(second, 3_999), <<3, 0, crc::little-32, size::little-32>>]
  end

  test "an archive of another version under this name is refused", %{node: node} do
    archive = Bloom.Test.Garden.archive("1.2.0")
    File.cp!(archive, Path.join([node.root, "releases", "garden-1.1.0.tar.gz"]))
    before = state(node)
    assert {:error, message} = Node.rpc(node, Bloom.ReleaseManager, :install_release, ["1.1.0"])
    assert message =~ "1.2.0, not 1.1.0"
    assert state(node) == before
  end

  test "an archive built without the build step is told which line to add", %{node: node, root: root} do
    archive = Bloom.Test.Garden.archive("1.1.0")
    dir = root <> "-plain"
    on_exit(fn -> File.rm_rf!(dir) end)
    Node.deploy(archive, dir)
    File.rm!(Path.join(dir, "releases/1.1.0/bloom.json"))
    upload = Path.join([node.root, "releases", Path.basename(archive)])
    {_output, 0} = System.cmd("tar", ["czf", upload, "bin", "erts-#{erts(dir)}", "lib", "releases"], cd: dir)

    before = state(node)
    assert {:error, message} = Node.rpc(node, Bloom.ReleaseManager, :install_release, ["1.1.0"])
    assert message =~ "releases: [garden: [steps: [:assemble, &Bloom.Release.prepare/1, :tar]]]"
    assert state(node) == before
  end

  test "a node or a release that lacks what a deployment takes", %{node: node} do
    Node.upload(node, Bloom.Test.Garden.archive("1.1.0"))
    install = fn -> Node.rpc(node, Bloom.ReleaseManager, :install_release, ["1.1.0"]) end

    assert {:error, "Insufficient disk space. Required: 1000000000MB" <> _} =
             lacking(node, :min_disk_space_mb, 1_000_000_000, install)

    assert {:error, "OTP version " <> too_old} = lacking(node, :min_otp_version, "99.0", install)
    assert too_old =~ ~r/^\d+(\.\d+)+ is below minimum required 99.0$/

    assert :ok = install.()
    switch = fn -> switch(node, "1.1.0") end

    assert {:error, "application gardener does not run" <> _} =
             lacking(node, :required_applications, [:gardener], switch)

    assert {:error, "Insufficient memory" <> _} = lacking(node, :rehearsal_memory_mb, 1_000_000_000, switch)
    assert :ok = Node.rpc(node, Bloom.Validator, :validate_release, ["1.1.0"])
  end

  # What a call answers while an option is set, and that it changed nothing.
  defp lacking(node, option, value, call) do
    before = state(node)
    set = Node.rpc(node, Application, :fetch_env, [:bloom, option])
    Node.rpc(node, Application, :put_env, [:bloom, option, value])
    answer = call.()

    case set do
      {:ok, set} -> Node.rpc(node, Application, :put_env, [:bloom, option, set])
      :error -> Node.rpc(node, Application, :delete_env, [:bloom, option])
    end

    assert state(node) == before
    answer
  end

  test "what is not there, not a version, or runs already", %{node: node} do
    manage = fn function, version -> Node.rpc(node, Bloom.ReleaseManager, function, [version]) end
    assert {:error, "there is no archive" <> _} = manage.(:install_release, "4.0.0")
    assert {:error, "Release not found" <> _} = manage.(:switch_release, "4.0.0")
    assert {:error, "Invalid version format: ../x." <> _} = manage.(:install_release, "../x")

    assert {:error, "release 1.0.0 is running already: give a new build a new version"} =
             manage.(:switch_release, "1.0.0")

    assert {:error, "there is no earlier release" <> _} = rollback(node)
  end

  defp erts(dir), do: dir |> Path.join("releases/start_erl.data") |> File.read!() |> String.split() |> hd()
end
