defmodule Bloom.Deployment.Steps.Unchecked do
  @moduledoc "The whole of a deployment where there are no files: test suites with `Bloom.MockReleaseHandler`."

  use Bloom.Deployment.Step

  alias Bloom.{Config, ErrorInterpreter, ReleaseHandler}

  @impl true
  def name, do: :unchecked

  @impl true
  def run(%{operation: :install, root: root, version: version} = context) do
    with {:ok, _vsn} <- handler(:unpack_release, "#{Config.get(:app_name) || root.name}-#{version}"), do: {:ok, context}
  end

  def run(%{operation: :remove, version: version} = context) do
    with :ok <- handler(:set_removed, version), do: {:ok, context}
  end

  def run(%{version: version} = context) do
    with {:ok, _from, _descr} <- handler(:check_install_release, version),
         {:ok, _from, _descr} <- handler(:install_release, version),
         :ok <- handler(:make_permanent, version) do
      {:ok, context}
    end
  end

  defp handler(function, argument) do
    with {:error, reason} <- apply(ReleaseHandler.impl(), function, [to_charlist(argument)]) do
      {:error, ErrorInterpreter.interpret(reason, {:release_handler, "OTP's release handler refused"})}
    end
  end
end
