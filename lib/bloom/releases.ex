defmodule Bloom.Releases do
  @moduledoc """
  What `Bloom.ReleaseManager` and `Bloom.RPC` do with releases, with errors as data.

  Whoever lets somebody in writes the audit log; nothing here does.
  """

  alias Bloom.{Deployment, Error, LifecycleManager, Plan, ReleaseHandler, RollbackTarget, Root, Validator}

  @type release :: %{name: String.t(), version: String.t(), status: ReleaseHandler.status()}

  @doc "See `Bloom.ReleaseManager.install_release/1`."
  @spec install(term()) :: Deployment.result()
  def install(version), do: deploy(:install, version, [])

  @doc "See `Bloom.ReleaseManager.switch_release/2`."
  @spec switch(term(), keyword()) :: Deployment.result()
  def switch(version, opts \\ []), do: deploy(:switch, version, opts)

  @doc "See `Bloom.ReleaseManager.rollback_release/1`."
  @spec rollback(keyword()) :: Deployment.result()
  def rollback(opts \\ []) do
    case Deployment.status() do
      %{stage: :probation, operation: :switch} -> take_back(opts)
      %{stage: stage} when stage in [:commit, :revert, :after_hooks] -> roll_back_after_commit(opts)
      _idle_or_refused -> roll_back(opts)
    end
  end

  defp take_back(opts) do
    case Deployment.cancel() do
      {:error, %Error{code: code}} when code in [:not_cancellable, :nothing_to_cancel] -> roll_back_after_commit(opts)
      answer -> answer
    end
  end

  defp roll_back_after_commit(opts) do
    Deployment.await_end()
    roll_back(opts)
  end

  defp roll_back(opts) do
    with {:ok, %{version: running}} <- current(),
         {:ok, version} <- RollbackTarget.fetch(running, ReleaseHandler.releases()) do
      deploy(:rollback, version, opts)
    end
  end

  @doc "See `Bloom.ReleaseManager.remove_release/2`."
  @spec remove(term(), keyword()) :: :ok | {:ok, LifecycleManager.report()} | {:error, Error.t()}
  def remove(version, opts \\ []) do
    if opts[:dry_run], do: would_remove(version), else: deploy(:remove, version, opts)
  end

  defp would_remove(version) do
    with {:ok, version} <- Validator.validate_version(version), {:ok, root} <- Root.fetch() do
      LifecycleManager.remove(root, version, dry_run: true)
    end
  end

  @doc "See `Bloom.ReleaseManager.plan_release/1`."
  @spec plan(term()) :: {:ok, Plan.t()} | {:error, Error.t()}
  def plan(version) do
    with {:ok, version} <- Validator.validate_version(version),
         {:ok, root} <- Root.fetch(),
         :ok <- installed(version) do
      Plan.make(root, version)
    end
  end

  defp installed(version) do
    if Enum.any?(ReleaseHandler.releases(), &(&1.version == version)),
      do: :ok,
      else: {:error, Error.release_not_found(version)}
  end

  @doc "The release that runs."
  @spec current() :: {:ok, release()} | {:error, Error.t()}
  def current do
    with :error <- ReleaseHandler.running(), do: {:error, Error.no_running_release()}
  end

  defp deploy(operation, version, opts) do
    with {:ok, version} <- Validator.validate_version(version), do: Deployment.run(operation, version, opts)
  end
end
