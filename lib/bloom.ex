defmodule Bloom do
  @moduledoc """
  Zero-downtime release management for Elixir on OTP's `:release_handler`.

  The archive of a plain `mix release` becomes the running release of a live node, and back:

      Bloom.install("1.1.0")
      Bloom.switch("1.1.0")
      Bloom.rollback()

  These are short names for `Bloom.ReleaseManager`, `Bloom.Deployment` and `Bloom.HealthChecker`.
  """

  alias Bloom.{Deployment, HealthChecker, Plan, ReleaseManager}

  @doc "See `Bloom.ReleaseManager.install_release/1`."
  @spec install(String.t()) :: :ok | {:error, String.t()}
  defdelegate install(version), to: ReleaseManager, as: :install_release

  @doc "See `Bloom.ReleaseManager.switch_release/2`."
  @spec switch(String.t(), [ReleaseManager.option()]) ::
          :ok | {:ok, :restarting | :handed_over} | {:error, String.t()}
  defdelegate switch(version, opts \\ []), to: ReleaseManager, as: :switch_release

  @doc "See `Bloom.ReleaseManager.rollback_release/1`."
  @spec rollback([ReleaseManager.option()]) :: :ok | {:ok, :restarting | :handed_over} | {:error, String.t()}
  defdelegate rollback(opts \\ []), to: ReleaseManager, as: :rollback_release

  @doc "See `Bloom.ReleaseManager.plan_release/1`."
  @spec plan(String.t()) :: {:ok, Plan.t()} | {:error, String.t()}
  defdelegate plan(version), to: ReleaseManager, as: :plan_release

  @doc "See `Bloom.Deployment.status/0`."
  @spec status() :: :idle | Deployment.Status.t()
  defdelegate status(), to: Deployment

  @doc "See `Bloom.Deployment.cancel/0`."
  @spec cancel() :: :ok | {:error, Bloom.Error.t()}
  defdelegate cancel(), to: Deployment

  @doc "See `Bloom.HealthChecker.results/0`."
  @spec health() :: [HealthChecker.result()]
  defdelegate health(), to: HealthChecker, as: :results
end
