defmodule Bloom.Validator do
  @moduledoc """
  What is looked at before a deployment changes anything.

  | what | when | refused where |
  | --- | --- | --- |
  | version | always | it is not semantic versioning's `X.Y.Z` or `X.Y.Z-suffix`, or it is the version that runs |
  | archive | installation | it is not there or cannot be read; its contents are verified while it is unpacked |
  | disk | installation | less is free than `min_disk_space_mb`, or than what the archive unpacks to and a tenth |
  | Erlang/OTP | installation, switch | the release was built with less than `min_otp_version` |
  | release | switch | the version is not installed, or is one of another release |
  | processes | switch | more than `max_process_ratio` of the VM's limit is taken |
  | memory | switch | less than `rehearsal_memory_mb` is free for the VM beside the node |
  | applications | switch | one of `required_applications` does not run, unless the VM restarts anyway |
  | configuration | switch | the target's Bloom would not start with it, or the target lacks an application that it requires |

  A version below the one that runs is allowed, and a warning in the plan and in the log.

  Going back must not fail for want of room: what is asked of the node is a warning in the log then, and the OTP version is
  not asked for.

  Where `skip_file_checks` is true, as in test suites with the mock, what needs files or another VM is left out.
  """

  require Logger

  alias Bloom.{Config, Error, Plan, ReleaseHandler, Root}
  alias Bloom.HealthChecker.VM
  alias Bloom.Release.OTPVersion
  alias Bloom.Validator.{Archive, Compatibility, Resources}

  @doc """
  Whether a version could be installed, or switched to where it is installed, as far as can be said without doing it.

      Bloom.Validator.validate_release("1.2.3")   #=> :ok
      Bloom.Validator.validate_release("1.9.0")   #=> {:error, "there is no archive /opt/my_app/releases/my_app-1.9.0.tar.gz: …"}
  """
  @spec validate_release(term()) :: :ok | {:error, String.t()}
  def validate_release(version) do
    with {:ok, version} <- validate_version(version),
         {:ok, root} <- Root.fetch(),
         :ok <- Compatibility.another(root, version),
         :ok <- installable_or_installed(root, version) do
      :ok
    else
      {:error, error} -> {:error, Error.to_message(error)}
    end
  end

  defp installable_or_installed(root, version) do
    releases = ReleaseHandler.releases()

    if Enum.any?(releases, &(&1.version == version)) do
      with :ok <- Compatibility.installed(root, version, releases),
           :ok <- validate_otp(root, version),
           do: validate_node(:switch, [])
    else
      with :ok <- Archive.check(root, version), do: Resources.disk(root, version)
    end
  end

  @doc """
  The version, or what is wrong with it.

      iex> Bloom.Validator.validate_version("1.2.3-rc.1")
      {:ok, "1.2.3-rc.1"}
      iex> {:error, error} = Bloom.Validator.validate_version("abc")
      iex> error.message
      "Invalid version format: abc. Expected format: X.Y.Z or X.Y.Z-suffix"
  """
  @spec validate_version(term()) :: {:ok, String.t()} | {:error, Error.t()}
  def validate_version(version) when is_binary(version) do
    case Version.parse(version) do
      {:ok, _version} -> {:ok, version}
      :error -> {:error, Error.invalid_version(version)}
    end
  end

  def validate_version(version), do: {:error, Error.invalid_version(version)}

  @doc "Whether the archive of a version is there, and is none of the version that runs."
  @spec validate_archive(Root.t(), String.t()) :: :ok | {:error, Error.t()}
  def validate_archive(root, version) do
    with :ok <- Compatibility.another(root, version), do: Archive.check(root, version)
  end

  @doc "Whether the version is installed, is one of the release that runs, and is not what runs."
  @spec validate_installed(Root.t(), String.t()) :: :ok | {:error, Error.t()}
  def validate_installed(root, version) do
    with :ok <- Compatibility.another(root, version),
         do: Compatibility.installed(root, version, ReleaseHandler.releases())
  end

  @doc "Whether an unpacked release was built with `min_otp_version` or newer, where it tells."
  @spec validate_otp(Root.t(), String.t()) :: :ok | {:error, Error.t()}
  def validate_otp(root, version) do
    minimum = Config.get_valid(:min_otp_version)

    case OTPVersion.fetch(root, version) do
      {:ok, otp} -> if OTPVersion.at_least?(otp, minimum), do: :ok, else: {:error, Error.otp_too_old(otp, minimum)}
      :error -> :ok
    end
  end

  @doc """
  Whether the node has what a switch to a planned release takes. Whatever is short, going back is not refused.
  """
  @spec validate_plan(Bloom.Deployment.operation(), Plan.t(), keyword()) :: :ok | {:error, Error.t()}
  def validate_plan(operation, plan, opts) do
    for %{code: "downgrade", message: message} <- plan.warnings, operation == :switch do
      Logger.warning("Bloom: #{message}")
    end

    validate_node(operation, if(plan.decision == :restart, do: [mode: :restart], else: opts))
  end

  defp validate_node(operation, opts) do
    with :ok <- Resources.processes(), :ok <- Resources.memory(), :ok <- applications(opts[:mode]) do
      :ok
    else
      {:error, error} when operation == :rollback -> Logger.warning("Bloom: #{Error.to_message(error)}")
      {:error, error} -> {:error, error}
    end
  end

  @doc "What is left where there are no files: whether the version is another one, and what is asked of the VM."
  @spec validate_without_files(Bloom.Deployment.operation(), Root.t(), String.t()) :: :ok | {:error, Error.t()}
  def validate_without_files(operation, root, version) when operation in [:install, :switch] do
    with :ok <- Compatibility.another(root, version), :ok <- Resources.processes(), do: applications(:hot)
  end

  def validate_without_files(_operation, _root, _version), do: :ok

  # A restart starts them.
  defp applications(:restart), do: :ok

  defp applications(_mode) do
    with {:error, why} <- VM.required_applications() do
      {:error,
       Error.new(:application_not_running, why,
         suggestions: ["start it, take it out of required_applications, or switch with mode: :restart"]
       )}
    end
  end
end
