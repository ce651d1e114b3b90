# ExUnit is on every machine that builds, and in no release.
if Code.ensure_loaded?(ExUnit.CaseTemplate) do
  defmodule Bloom.UpgradeCase do
    @moduledoc """
    A test case for the way from one release of yours to the next, on the real thing.

        defmodule MyApp.UpgradeTest do
          use Bloom.UpgradeCase,
            from: "releases/my_app-1.0.0.tar.gz",
            to: "_build/prod/my_app-1.1.0.tar.gz"

          test "goes in hot and back, and nobody notices", %{node: node, to: to} do
            assert_upgrade(node, to, mode: :hot, probe: &get_page/1)
            assert_rollback(node, mode: :hot)
          end

          defp get_page(node), do: MyApp.Client.get("http://127.0.0.1:\#{node.http_port}/")
        end

    For each test `from` is unpacked into a scratch directory and started there with its own launcher, as a process of the
    operating system, on a free port and under a name of its own. The test drives it as a second node. It is started again
    whenever it ends, as a service manager would. At the end it is killed, and the directory removed.

    ## Options

      * `from`, `to` - archives, or directories of assembled releases;
      * `env` - environment variables of the release, `[{name, value}]`, beside `RELEASE_NODE` and `PORT`, which it gets
        anyway. `:node`, `:port` and `:root` stand for the node's name, its free port and its directory;
      * `config` - options of Bloom for the release. They count more than what it was built with (`config/config.exs`), and
        less than what its `config/runtime.exs` sets at the start. By default probation takes a second, and restarts
        are allowed;
      * `ready` - a function of the node that says whether it serves. By default, whether all applications are started;
      * `restart` - `false` where it is not to be started again.

    `@tag upgrade_case: [env: [...]]` sets them for one test. Releases are started from where the tests run, so the database
    and everything else that they need has to be there, by their configuration.

    The guide "Testing upgrades" has more of it.
    """

    use ExUnit.CaseTemplate

    alias Bloom.UpgradeCase.{Archive, Node, Outside, Probe}

    @config [probation_ms: 1000, restarted_by: "Bloom.UpgradeCase"]
    # How long a node that is not busy may take to come back, and to end its deployment.
    @settle_timeout_ms 180_000

    @typedoc "What came of an upgrade or a rollback: `deployment` is its row in the history, `probe` what the probe saw."
    @type report :: %{version: String.t(), mode: :hot | :restart, plan: map(), deployment: map(), probe: Probe.result()}

    using opts do
      quote do
        import Bloom.UpgradeCase

        @moduletag timeout: 300_000

        setup context do
          Bloom.UpgradeCase.boot(Keyword.merge(unquote(opts), Map.get(context, :upgrade_case, [])))
        end
      end
    end

    @doc """
    Starts `from` for a test; called by `use Bloom.UpgradeCase`. Answers `node`, `root`, `from` and `to` for its context.

        setup do
          Bloom.UpgradeCase.boot(from: "releases/my_app-1.0.0.tar.gz", env: [{"APP_ROOT", :root}])
        end
    """
    @spec boot(keyword()) :: keyword()
    def boot(opts) do
      scratch = Path.join(System.tmp_dir!(), "bloom-upgrade-#{System.pid()}-#{System.unique_integer([:positive])}")
      File.mkdir_p!(scratch)
      on_exit(fn -> File.rm_rf!(scratch) end)

      from = Archive.fetch!(Keyword.fetch!(opts, :from), scratch)
      root = Path.join(scratch, "root")
      Archive.unpack(from, root)

      env = Keyword.get(opts, :env, [])
      config = Keyword.merge(@config, Keyword.get(opts, :config, []))

      started =
        Node.start(root,
          name: Archive.release!(from).name,
          env: env,
          config: config,
          check: &refuse_outside(&1, {from, env, config}),
          restart: Keyword.get(opts, :restart, true),
          ready: Keyword.get(opts, :ready, &Node.started?/1)
        )

      case started do
        {:ok, node} ->
          # Its directory is still in use until then.
          on_exit(fn -> Node.await_down(node) end)
          [node: node, root: root, from: from, to: opts[:to] && Archive.fetch!(opts[:to], scratch)]

        {:error, output} ->
          flunk("#{Path.basename(from)} did not start under the name that it was given. It printed:\n#{output}")
      end
    end

    defp refuse_outside(launcher, same) do
      case Outside.ask(launcher, same) do
        {:ok, []} -> :ok
        {:ok, [{option, dir} | _others]} -> flunk(outside(option, dir))
        {:error, output} -> {:error, output}
      end
    end

    defp outside(option, dir) do
      """
      config :bloom, #{option}: #{inspect(dir)} is outside of the directory that the release is started in for this \
      test. Have config/runtime.exs read it from an environment variable, and set that to :root with the option env.\
      """
    end

    @doc """
    Upgrades the node to an archive: installs it, switches, and waits for the commit.

    Fails where any of that does not come about, with the reason; where the release then does not run or would not boot
    next; where the way was not the expected one (`mode: :hot` or `mode: :restart`); and where a hot upgrade ended the VM or
    let a call of the probe fail. While a release restarts, nobody answers, so the failures of a probe are only told.

    Options: `mode`, `probe` (see `Bloom.UpgradeCase.Probe`) and `workers`, how many processes ask at a time, by default 4.

        assert_upgrade(node, to, mode: :hot, probe: fn node -> MyApp.Client.ping(node.http_port) end)
    """
    @spec assert_upgrade(Node.t(), Path.t(), keyword()) :: report()
    def assert_upgrade(node, archive, opts \\ []) do
      %{version: version} = Archive.release!(archive)

      unless version in versions(node) do
        accept(install(node, archive), "release #{version} could not be installed")
      end

      carry_out(node, version, opts, fn -> switch(node, version) end)
    end

    @doc """
    Rolls the node back to the release that ran before, and looks at it as `assert_upgrade/3` does, with the same options.

        assert_rollback(node, mode: :hot)
    """
    @spec assert_rollback(Node.t(), keyword()) :: report()
    def assert_rollback(node, opts \\ []) do
      {:ok, version} = Node.rpc(node, Bloom.Metadata, :get_rollback_target, [])
      carry_out(node, version, opts, fn -> rollback(node) end)
    end

    defp carry_out(node, version, opts, fun) do
      {:ok, plan} = plan(node, version)
      expect_decision(plan, opts[:mode])
      pid = Node.os_pid(node)

      {deployment, probe} =
        Probe.during(node, opts[:probe], Keyword.get(opts, :workers, 4), fn ->
          accept(fun.(), "release #{version} did not become the one that runs")
          await_settled(node)
        end)

      assert deployment.outcome == :committed, "release #{version} was not committed: #{deployment.reason}"
      assert running(node) == version
      assert boots(node) == version, "release #{version} runs, but #{boots(node)} would boot next"
      if deployment.mode == :hot, do: expect_unnoticed(node, version, pid, probe)
      %{version: version, mode: deployment.mode, plan: plan, deployment: deployment, probe: probe}
    end

    defp accept({:error, message}, what), do: flunk("#{what}: #{message}")
    defp accept(_answer, _what), do: :ok

    defp expect_decision(_plan, nil), do: :ok

    defp expect_decision(plan, mode) do
      assert plan.decision == mode,
             "the way to release #{plan.target} is #{inspect(plan.decision)}, not #{inspect(mode)}:" <>
               Enum.map_join(plan.reasons, &"\n  * #{&1.message}")
    end

    defp expect_unnoticed(node, version, pid, probe) do
      assert Node.os_pid(node) == pid, "the VM has ended on the way to release #{version}"

      assert probe.failed == 0,
             "#{probe.failed} of #{probe.calls} calls of the probe failed on the way to release #{version}, among them:" <>
               Enum.map_join(probe.failures, &"\n  * #{inspect(&1)}")
    end

    @doc """
    Copies an archive to the node and installs it, without switching.

        assert :ok = install(node, to)
    """
    @spec install(Node.t(), Path.t()) :: :ok | {:error, String.t()}
    def install(node, archive) do
      Node.upload(node, archive)
      Node.rpc(node, Bloom.ReleaseManager, :install_release, [Archive.release!(archive).version], :infinity)
    end

    @doc """
    The plan of the way to an installed version: `decision`, `reasons`, `warnings`.

        assert {:ok, %{decision: :hot, warnings: []}} = plan(node, "1.1.0")
    """
    @spec plan(Node.t(), String.t()) :: {:ok, map()} | {:error, String.t()}
    def plan(node, version), do: Node.rpc(node, Bloom.ReleaseManager, :plan_release, [version])

    @doc """
    Switches the node to an installed version, by default to the end of its probation, however long that is.

        assert {:error, message} = switch(node, "1.1.0", mode: :hot)
    """
    @spec switch(Node.t(), String.t(), keyword()) :: :ok | {:ok, atom()} | {:error, String.t()}
    def switch(node, version, opts \\ [wait: :commit]) do
      Node.rpc(node, Bloom.ReleaseManager, :switch_release, [version, opts], :infinity)
    end

    @doc """
    Rolls the node back, by default to the end of its probation.

        assert :ok = rollback(node)
    """
    @spec rollback(Node.t(), keyword()) :: :ok | {:ok, atom()} | {:error, String.t()}
    def rollback(node, opts \\ [wait: :commit]) do
      Node.rpc(node, Bloom.ReleaseManager, :rollback_release, [opts], :infinity)
    end

    @doc """
    Waits until no deployment is in progress, over restarts of the VM, and answers what came of the last one.

        assert %{outcome: :taken_back, reason: reason} = await_settled(node)
    """
    @spec await_settled(Node.t()) :: map()
    def await_settled(node), do: await_settled(node, settle_deadline())

    defp await_settled(node, deadline) do
      case ended(node) do
        {:ok, deployment} ->
          deployment

        # The release's own probation, say, for which the test has to have the time.
        :busy ->
          receive(after: (20 -> await_settled(node, settle_deadline())))

        :not_yet ->
          if System.monotonic_time(:millisecond) > deadline, do: flunk("the node does not settle:\n" <> Node.log(node))
          receive(after: (20 -> await_settled(node, deadline)))
      end
    end

    defp settle_deadline, do: System.monotonic_time(:millisecond) + @settle_timeout_ms

    # While it restarts the node is not there, and comes up without Bloom for a moment.
    defp ended(node) do
      with :idle <- Node.rpc(node, Bloom, :status, []),
           {:ok, [%{outcome: outcome} = deployment | _]} when outcome != nil <- history(node) do
        {:ok, deployment}
      else
        %{stage: _stage} -> :busy
        _not_ended -> :not_yet
      end
    catch
      _kind, _not_there -> :not_yet
    end

    defp history(node), do: Node.rpc(node, Bloom.Metadata, :get_deployment_history, [])

    @doc """
    The version that the node says it runs.

        assert running(node) == "1.1.0"
    """
    @spec running(Node.t()) :: String.t()
    def running(node) do
      {:ok, %{version: version}} = Node.rpc(node, Bloom.ReleaseManager, :current_release, [])
      version
    end

    @doc """
    The version that boots when the node is started again.

        assert boots(node) == "1.0.0"
    """
    @spec boots(Node.t()) :: String.t()
    def boots(node) do
      node.root |> Path.join("releases/start_erl.data") |> File.read!() |> String.split() |> List.last()
    end

    defp versions(node),
      do: for(release <- Node.rpc(node, Bloom.ReleaseManager, :list_releases, []), do: release.version)
  end
end
