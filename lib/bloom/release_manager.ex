defmodule Bloom.ReleaseManager do
  @moduledoc """
  The door to releases: install, switch, roll back, list.

      Bloom.ReleaseManager.install_release("1.1.0")   #=> :ok
      Bloom.ReleaseManager.switch_release("1.1.0")    #=> :ok
      Bloom.ReleaseManager.rollback_release()         #=> :ok

  Each function answers `:ok` or `{:error, message}`, where the message is for people and says what to do
  next. Versions are those of the releases (`version:` in `mix.exs`).
  """

  alias Bloom.{Config, Deployment, Error, Plan, ReleaseHandler, Root}
  alias Bloom.Deployment.{Install, Switch}

  @doc """
  Installs the archive `NAME-VSN.tar.gz` from the releases directory, without switching to it.

  The archive is verified against its manifest while it is unpacked beside the live files; only when all of it
  is sound is it put in place. Whatever fails leaves the root as it was.
  """
  @spec install_release(String.t()) :: :ok | {:error, String.t()}
  def install_release(version) do
    deploy(:install, version, fn control ->
      if Config.get(:skip_file_checks) do
        unpack_without_files(version)
      else
        with {:ok, root} <- Root.fetch(), {:ok, _plan} <- Install.run(root, version, control), do: :ok
      end
    end)
  end

  @doc """
  Makes an installed release the running and permanent one, while the node goes on serving.

  Refused without any change where the plan, the rehearsal or the look at the processes says so; taken back
  where the new release does not prove itself.
  """
  @spec switch_release(String.t()) :: :ok | {:error, String.t()}
  def switch_release(version), do: deploy(:switch, version, &switch(version, &1))

  @doc "Switches back to the release that was permanent before the running one."
  @spec rollback_release() :: :ok | {:error, String.t()}
  def rollback_release do
    case rollback_target() do
      {:ok, version} -> deploy(:rollback, version, &switch(version, &1))
      {:error, error} -> {:error, Error.to_message(error)}
    end
  end

  @doc "The plan of a switch to an installed release, without switching."
  @spec plan_release(String.t()) :: {:ok, Plan.t()} | {:error, String.t()}
  def plan_release(version) do
    with {:ok, version} <- parse(version), {:ok, root} <- Root.fetch(), {:ok, plan} <- Plan.make(root, version) do
      {:ok, plan}
    else
      {:error, error} -> {:error, Error.to_message(error)}
    end
  end

  @doc "Every known release with its `:name`, `:version` and `:status`, latest registered first."
  @spec list_releases() :: [%{name: String.t(), version: String.t(), status: ReleaseHandler.status()}]
  def list_releases, do: ReleaseHandler.releases()

  @doc "The release that runs."
  @spec current_release() ::
          {:ok, %{name: String.t(), version: String.t(), status: ReleaseHandler.status()}} | {:error, String.t()}
  def current_release do
    with :error <- ReleaseHandler.running(), do: {:error, Error.to_message(no_running_release())}
  end

  defp deploy(operation, version, fun) do
    with {:ok, version} <- parse(version), :ok <- Deployment.run(operation, version, fun) do
      :ok
    else
      {:error, error} -> {:error, Error.to_message(error)}
    end
  end

  defp parse(version) when is_binary(version) do
    case Version.parse(version) do
      {:ok, _version} -> {:ok, version}
      :error -> {:error, invalid_version(version)}
    end
  end

  defp parse(version), do: {:error, invalid_version(inspect(version))}

  defp invalid_version(text) do
    Error.new(:invalid_version, "Invalid version format: #{text}. Expected format: X.Y.Z or X.Y.Z-suffix")
  end

  defp switch(version, control) do
    if Config.get(:skip_file_checks) do
      switch_without_files(version)
    else
      with {:ok, root} <- Root.fetch(), do: Switch.run(root, version, control)
    end
  end

  defp unpack_without_files(version) do
    with {:ok, running} <- running(),
         {:ok, _vsn} <- handler(:unpack_release, ["#{Config.get(:app_name) || running.name}-#{version}"]) do
      :ok
    end
  end

  defp switch_without_files(version) do
    with {:ok, _from, _descr} <- handler(:check_install_release, [version]),
         {:ok, _from, _descr} <- handler(:install_release, [version]) do
      handler(:make_permanent, [version])
    end
  end

  defp handler(function, arguments) do
    with {:error, reason} <- apply(ReleaseHandler.impl(), function, Enum.map(arguments, &to_charlist/1)) do
      {:error, Error.from_release_handler(reason)}
    end
  end

  defp running do
    with :error <- ReleaseHandler.running(), do: {:error, no_running_release()}
  end

  # OTP lists what was registered later first: the old release after the running one ran before it.
  defp rollback_target do
    with {:ok, running} <- running() do
      earlier = ReleaseHandler.releases() |> Enum.drop_while(&(&1.version != running.version)) |> Enum.drop(1)

      case Enum.find(earlier, &(&1.status == :old)) do
        nil ->
          {:error,
           Error.new(:no_rollback_target, "there is no earlier release to roll back to",
             suggestions: ["switch to a release of Bloom.ReleaseManager.list_releases() by its version"]
           )}

        release ->
          {:ok, release.version}
      end
    end
  end

  defp no_running_release do
    Error.new(:no_running_release, "the release handler knows no running release",
      suggestions: ["start the node from a release made by `mix release`"]
    )
  end
end
