defmodule Bloom do
  @moduledoc """
  Zero-downtime release management for Elixir on OTP's `:release_handler`.

  The archive of a plain `mix release` becomes the running release of a live node, and back:

      Bloom.install("1.1.0")
      Bloom.switch("1.1.0")
      Bloom.rollback()

  These are short names for `Bloom.ReleaseManager`, `Bloom.Deployment` and `Bloom.HealthChecker`.
  """

  @doc "See `Bloom.ReleaseManager.install_release/1`."
  defdelegate install(version), to: Bloom.ReleaseManager, as: :install_release

  @doc "See `Bloom.ReleaseManager.switch_release/2`."
  defdelegate switch(version, opts \\ []), to: Bloom.ReleaseManager, as: :switch_release

  @doc "See `Bloom.ReleaseManager.rollback_release/1`."
  defdelegate rollback(opts \\ []), to: Bloom.ReleaseManager, as: :rollback_release

  @doc "See `Bloom.ReleaseManager.plan_release/1`."
  defdelegate plan(version), to: Bloom.ReleaseManager, as: :plan_release

  @doc "See `Bloom.Deployment.status/0`."
  defdelegate status(), to: Bloom.Deployment

  @doc "See `Bloom.Deployment.cancel/0`."
  defdelegate cancel(), to: Bloom.Deployment

  @doc "See `Bloom.HealthChecker.results/0`."
  defdelegate health(), to: Bloom.HealthChecker, as: :results
end
