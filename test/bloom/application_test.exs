defmodule Bloom.ApplicationTest do
  use ExUnit.Case

  test "stands in a supervision tree too: whoever comes second is ignored" do
    {:ok, supervisor} = Supervisor.start_link([Bloom.Application], strategy: :one_for_one)
    assert [{Bloom.Application, :undefined, :supervisor, [Bloom.Application]}] = Supervisor.which_children(supervisor)
    assert Process.whereis(Bloom.Deployment)
    Supervisor.stop(supervisor)
    assert Process.whereis(Bloom.Deployment)
  end

  @tag :capture_log
  test "a wrong option is refused at the start, by its name" do
    on_exit(fn -> {:ok, _started} = Application.ensure_all_started(:bloom) end)
    put_option(:busy_timeout_ms, :soon)
    :ok = Application.stop(:bloom)

    assert {:error, {:bad_return, {_start, {:EXIT, {%ArgumentError{message: message}, _stack}}}}} =
             Application.start(:bloom)

    assert message == "expected config :bloom, :busy_timeout_ms to be a positive integer, got: :soon"
  end

  test "nothing that runs falls over an option that an upgrade has brought" do
    put_option(:busy_timeout, 1)
    assert :ignore = Bloom.Application.start_link([])
  end

  defp put_option(option, value) do
    Application.put_env(:bloom, option, value)
    on_exit(fn -> Application.delete_env(:bloom, option) end)
  end
end
