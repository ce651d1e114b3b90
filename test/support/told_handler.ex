defmodule Bloom.Test.ToldHandler do
  @moduledoc """
  A release handler that does as the test says, in the process that walks a deployment, before an installation.
  Everything else is `Bloom.MockReleaseHandler`.
  """

  alias Bloom.MockReleaseHandler

  defdelegate which_releases(), to: MockReleaseHandler
  defdelegate check_install_release(vsn), to: MockReleaseHandler
  defdelegate install_release(vsn), to: MockReleaseHandler
  defdelegate make_permanent(vsn), to: MockReleaseHandler

  def unpack_release(name) do
    :persistent_term.get(__MODULE__, fn -> :ok end).()
    MockReleaseHandler.unpack_release(name)
  end

  @doc "Makes it the release handler of this test, with release 1.0.0 running."
  @spec setup() :: :ok
  def setup do
    put = [release_handler: __MODULE__, skip_file_checks: true]
    for {key, value} <- put, do: Application.put_env(:bloom, key, value)

    ExUnit.Callbacks.on_exit(fn ->
      for {key, _value} <- put, do: Application.delete_env(:bloom, key)
      :persistent_term.erase(__MODULE__)
    end)

    MockReleaseHandler.clear_releases()
    MockReleaseHandler.add_mock_release(:my_app, "1.0.0", :permanent)
    :ok
  end

  @doc "What it does before an installation."
  @spec tell((() -> term())) :: :ok
  def tell(fun), do: :persistent_term.put(__MODULE__, fun)
end
