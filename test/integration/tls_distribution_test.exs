defmodule Bloom.Integration.TLSDistributionTest do
  # The commands and the configuration of the guide, as they stand there, between two small nodes.
  use ExUnit.Case, async: false

  alias Bloom.UpgradeCase.Distribution

  @moduletag :integration
  @moduletag :tmp_dir
  @moduletag timeout: 180_000
  # For what takes a second: a slow machine is no failure.
  @patience_ms 60_000

  if System.find_executable("openssl") == nil, do: @moduletag(skip: "there is no openssl")

  setup %{tmp_dir: dir} do
    Distribution.ensure()
    guide = File.read!("guides/security.md")
    [_before, tls] = String.split(guide, "## TLS\n")
    [commands] = Regex.run(~r/```sh\n(.*?)```/s, tls, capture: :all_but_first)
    [options] = Regex.run(~r/```erlang\n(.*?)```/s, tls, capture: :all_but_first)

    {_output, 0} =
      System.cmd("sh", ["-ec", String.replace(commands, "10.0.0.5", "127.0.0.1")], cd: dir, stderr_to_stdout: true)

    File.write!(Path.join(dir, "ssl_dist.conf"), String.replace(options, "/etc/my_app", dir))
    {:ok, arguments: ["-proto_dist", "inet_tls", "-ssl_dist_optfile", Path.join(dir, "ssl_dist.conf")]}
  end

  defp start(arguments) do
    # It answers over its standard input and output, so that this VM needs no connection to it.
    options = %{
      name: :peer.random_name(),
      host: ~c"127.0.0.1",
      longnames: true,
      connection: :standard_io,
      wait_boot: @patience_ms,
      args:
        Enum.map(
          arguments ++
            ["-setcookie", "tls", "-kernel", "inet_dist_use_interface", "{127,0,0,1}", "net_setuptime", "60"],
          &to_charlist/1
        )
    }

    {:ok, peer, node} = :peer.start_link(options)
    :ok = :peer.call(peer, :code, :add_pathsz, [:code.get_path()], @patience_ms)
    {peer, node}
  end

  test "nodes with certificates call each other, and one without cannot", %{arguments: arguments} do
    {server, node} = start(arguments)
    {client, from} = start(arguments)
    {stranger, _name} = start([])
    {:ok, _apps} = :peer.call(server, :application, :ensure_all_started, [:bloom], @patience_ms)
    :ok = :peer.call(server, :application, :set_env, [:bloom, :allowed_ips, ["127.0.0.1"]], @patience_ms)

    assert {:ok, :idle} =
             :peer.call(client, :rpc, :call, [node, Bloom.RPC, :call, [:status, []], @patience_ms], @patience_ms)

    who = "#{from} at 127.0.0.1"
    assert {:ok, [%{who: ^who}]} = :peer.call(server, Bloom.Metadata, :get_audit, [[limit: 1]], @patience_ms)

    assert :peer.call(stranger, :net_kernel, :connect_node, [node], @patience_ms) == false
    refute :peer.call(stranger, :net_kernel, :connect_node, [from], @patience_ms)
  end
end
