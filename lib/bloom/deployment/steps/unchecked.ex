defmodule Bloom.Deployment.Steps.Unchecked do
  @moduledoc "The whole of a deployment where there are no files: test suites with `Bloom.MockReleaseHandler`."

  use Bloom.Deployment.Step

  alias Bloom.{Config, ErrorInterpreter, ReleaseHandler, Validator}

  @impl true
  def name, do: :unchecked

  @impl true
  def run(%{operation: operation, root: root, version: version} = context) do
    with :ok <- Validator.validate_without_files(operation, root, version),
         :ok <- handle(operation, root, version) do
      {:ok, context}
    end
  end

  defp handle(:install, root, version) do
    with {:ok, _vsn} <- handler(:unpack_release, "#{Config.get(:app_name) || root.name}-#{version}"), do: :ok
  end

  defp handle(:remove, _root, version), do: handler(:set_removed, version)

  defp handle(_switch, _root, version) do
    with {:ok, _from, _descr} <- handler(:check_install_release, version),
         {:ok, _from, _descr} <- handler(:install_release, version) do
      handler(:make_permanent, version)
    end
  end

  defp handler(function, argument) do
    with {:error, reason} <- apply(ReleaseHandler.impl(), function, [to_charlist(argument)]) do
      {:error, ErrorInterpreter.interpret(reason, {:release_handler, "OTP's release handler refused"})}
    end
  end
end
