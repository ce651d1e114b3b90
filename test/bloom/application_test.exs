defmodule Bloom.ApplicationTest do
  use ExUnit.Case

  test "stands in a supervision tree too: whoever comes second is ignored" do
    {:ok, supervisor} = Supervisor.start_link([Bloom.Application], strategy: :one_for_one)
    assert [{Bloom.Application, :undefined, :supervisor, [Bloom.Application]}] = Supervisor.which_children(supervisor)
    assert Process.whereis(Bloom.Deployment)
    Supervisor.stop(supervisor)
    assert Process.whereis(Bloom.Deployment)
  end

  test "a wrong option is refused at the start, by its name" do
    Application.put_env(:bloom, :busy_timeout_ms, :soon)
    on_exit(fn -> Application.delete_env(:bloom, :busy_timeout_ms) end)
    assert_raise ArgumentError, ~r/:busy_timeout_ms/, fn -> Bloom.Application.start_link([]) end
  end
end
