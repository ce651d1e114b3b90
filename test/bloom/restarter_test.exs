defmodule Bloom.RestarterTest do
  use ExUnit.Case

  alias Bloom.{Error, Restarter}

  doctest Restarter

  setup do
    on_exit(fn -> Application.delete_env(:bloom, :restarted_by) end)
  end

  test "nothing that starts the node again is an error that says what to do" do
    id = System.get_env("INVOCATION_ID")
    System.delete_env("INVOCATION_ID")
    on_exit(fn -> if id, do: System.put_env("INVOCATION_ID", id) end)
    assert {:error, %Error{code: :no_restarter, suggestions: [suggestion]}} = Restarter.detect()
    assert suggestion =~ "restarted_by"
  end

  test "what is declared counts" do
    Application.put_env(:bloom, :restarted_by, "docker restart policy")
    assert {:ok, %{by: :declared, what: "docker restart policy", status: 0}} = Restarter.detect()
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
end
