defmodule Bloom.HealthChecker.MachineTest do
  use ExUnit.Case, async: false

  alias Bloom.{Error, Native}
  alias Bloom.HealthChecker.Machine

  doctest Machine

  defp configure(option, value) do
    Application.put_env(:bloom, option, value)
    on_exit(fn -> Application.delete_env(:bloom, option) end)
  end

  describe "memory" do
    test "passes here, and fails over a limit of the VM's own" do
      assert :ok = Machine.memory()
      configure(:memory_threshold_bytes, 1)
      assert {:error, "the VM holds " <> _} = Machine.memory()
    end

    test "fails when little of all is left" do
      configure(:max_memory_ratio, 0.000001)
      assert {:error, message} = Machine.memory()
      assert message =~ ~r/^\d+% of the \d+ MB of the (machine|container or service) are taken, limit 0%$/
    end

    test "is what the VM has allocated where the operating system does not tell" do
      unknown = {:error, Error.new(:unknown, "no /proc")}
      assert :ok = Machine.judge_memory(unknown, nil, 0.95)
      assert {:error, "the VM has allocated " <> _} = Machine.judge_memory(unknown, 1, 0.95)
    end

    test "fails when it could not even be asked" do
      broken = {:error, Error.new(:native_not_loaded, "not loaded", suggestions: ["build it"])}
      assert {:error, "not loaded: build it"} = Machine.judge_memory(broken, nil, 0.95)
    end

    test "is what the VM really holds" do
      block = :binary.copy(<<1>>, 256 * 1024 * 1024)
      {:ok, %{resident: resident, limit: limit}} = Native.memory()
      assert resident > byte_size(block) and resident < limit
    end
  end

  describe "disk" do
    test "passes with little wanted and fails with more wanted than any disk has, in the README's words" do
      configure(:min_disk_space_mb, 0)
      assert :ok = Machine.disk()
      configure(:min_disk_space_mb, 1_000_000_000_000)
      assert {:error, message} = Machine.disk()
      assert message =~ ~r/^Insufficient disk space. Required: 1000000000000MB, Available: \d+MB$/
    end

    test "fails where there is nothing to ask" do
      assert {:error, message} = Machine.disk("/no/such/directory")
      assert message =~ "/no/such/directory"
    end
  end
end
