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
end
