defmodule Bloom.RestarterTest do
  use ExUnit.Case

  alias Bloom.{Error, Restarter}

  doctest Restarter

  setup do
    on_exit(fn -> Application.delete_env(:bloom, :restarted_by) end)
  end

  defp set_env(name, value) do
    before = System.get_env(name)
    on_exit(fn -> put_env(name, before) end)
    put_env(name, value)
  end

  defp put_env(name, nil), do: System.delete_env(name)
  defp put_env(name, value), do: System.put_env(name, value)

  test "nothing that starts the node again is an error that says what to do" do
    set_env("INVOCATION_ID", nil)
    assert {:error, %Error{code: :no_restarter, suggestions: [suggestion]}} = Restarter.detect()
    assert suggestion =~ "restarted_by"
  end

  test "what is declared counts" do
    Application.put_env(:bloom, :restarted_by, "docker restart policy")
    assert {:ok, %{by: :declared, what: "docker restart policy", status: 0}} = Restarter.detect()
  end

  test "a restart that cannot be begun leaves nothing behind that ends the VM" do
    Application.put_env(:bloom, :restart_stop_timeout_ms, 3_600_000)
    on_exit(fn -> Application.delete_env(:bloom, :restart_stop_timeout_ms) end)
    # What would kill it from outside is of a release, and none runs.
    set_env("RELEASE_VSN", nil)
    declared = %{by: :declared, what: "", status: 0}
    pid = spawn(fn -> receive(do: (test -> send(test, catch_error(Restarter.restart(declared))))) end)
    :erlang.trace(pid, true, [:procs])
    send(pid, self())
    assert_receive %System.EnvError{env: "RELEASE_VSN"}
    told = :erlang.trace_delivered(pid)
    assert_receive {:trace_delivered, ^pid, ^told}
    refute_received {:trace, ^pid, :spawn, _process, _function}
  end

  describe "heart" do
    # In a VM of its own, as heart would kill this one.
    defp detect(env) do
      code = ~S|IO.inspect(with {:ok, restarter} <- Bloom.Restarter.detect(), do: restarter.by)|
      paths = Enum.flat_map(:code.get_path(), &["-pa", to_string(&1)])
      env = [{"INVOCATION_ID", nil}, {"ELIXIR_ERL_OPTIONS", "-heart"} | env]
      {output, 0} = System.cmd("elixir", paths ++ ["-e", code], env: env, stderr_to_stdout: true)
      output
    end

    test "counts where it has a command and the boot guard has prepared it" do
      assert detect([{"HEART_COMMAND", "true"}, {"BLOOM_BOOT", "1.0.0 1"}]) =~ ":heart"
    end

    test "would start the same release again without the boot guard" do
      assert detect([{"HEART_COMMAND", "true"}, {"BLOOM_BOOT", nil}]) =~ "started without the boot guard"
    end

    test "without a command starts nothing" do
      assert detect([{"HEART_COMMAND", nil}, {"BLOOM_BOOT", "1.0.0 1"}]) =~ "nothing is known that starts the node"
    end
  end

  describe "systemd" do
    @describetag :tmp_dir

    @service "0::/system.slice/garden.service\n"
    @user_service "0::/user.slice/user-1000.slice/user@1000.service/app.slice/garden.service\n"

    # Detects in a unit of systemd, with a systemctl that writes down what it is asked for.
    defp detect_in(dir, cgroup, systemctl, id \\ "0123456789abcdef") do
      path = Path.join(dir, "systemctl")
      File.write!(path, ~s(#!/bin/sh\necho "$*" >"${0%/*}/asked"\n#{systemctl}\n))
      File.chmod!(path, 0o755)
      set_env("PATH", "#{dir}:#{System.get_env("PATH")}")
      detect_as_unit(dir, cgroup, id)
    end

    defp detect_as_unit(dir, cgroup, id \\ "0123456789abcdef") do
      set_env("INVOCATION_ID", id)
      file = Path.join(dir, "cgroup")
      File.write!(file, cgroup)
      Restarter.detect(file)
    end

    defp asked(dir), do: dir |> Path.join("asked") |> File.read!() |> String.trim()

    for {setting, status} <- [{"always", 0}, {"on-failure", 1}] do
      test "starts what has Restart=#{setting} again after status #{status}", %{tmp_dir: dir} do
        assert detect_in(dir, @service, "echo #{unquote(setting)}") ==
                 {:ok, %{by: :systemd, what: "garden.service", status: unquote(status)}}

        assert asked(dir) == "--system show --property=Restart --value garden.service"
      end
    end

    # The table of systemd.service(5): a trial may end with a status, clean or not, and by a signal.
    for setting <- ["no", "on-success", "on-abnormal", "on-abort", "on-watchdog"] do
      test "is not enough with Restart=#{setting}", %{tmp_dir: dir} do
        assert {:error, %Error{code: :no_restarter, message: message}} =
                 detect_in(dir, @service, "echo #{unquote(setting)}")

        assert message =~ "garden.service again"
        assert message =~ "(Restart=#{unquote(setting)})"
      end
    end

    test "of a user is asked for what that user's manager runs", %{tmp_dir: dir} do
      assert {:ok, %{what: "garden.service"}} = detect_in(dir, @user_service, "echo always")
      assert asked(dir) == "--user show --property=Restart --value garden.service"
    end

    test "that does not answer is said, with what systemctl says", %{tmp_dir: dir} do
      assert {:error, %Error{code: :no_restarter, message: message}} =
               detect_in(dir, @service, "echo 'Failed to connect to bus' >&2; exit 1")

      assert message =~ "cannot be found out (systemctl: Failed to connect to bus)"
    end

    test "without systemctl is said", %{tmp_dir: dir} do
      set_env("PATH", dir)
      assert {:error, %Error{code: :no_restarter, message: message}} = detect_as_unit(dir, @service)
      assert message =~ "cannot be found out (systemctl: enoent)"
    end

    test "is not asked about what is none of its services", %{tmp_dir: dir} do
      for {cgroup, id} <- [{"0::/user.slice/session-1.scope\n", "0123456789abcdef"}, {@service, nil}] do
        assert {:error, %Error{code: :no_restarter, message: message}} = detect_in(dir, cgroup, "echo always", id)
        assert message == "nothing is known that starts the node again when it ends"
        refute File.exists?(Path.join(dir, "asked"))
      end
    end
  end
end
