defmodule Bloom.ReleaseManager do
  @moduledoc """
  The door to releases: install, switch, roll back, list.

      Bloom.ReleaseManager.install_release("1.1.0")   #=> :ok
      Bloom.ReleaseManager.switch_release("1.1.0")    #=> :ok
      Bloom.ReleaseManager.rollback_release()         #=> :ok

  Each function answers `:ok` or `{:error, message}`, where the message is for people and says what to do
  next. Versions are those of the releases (`version:` in `mix.exs`).
  """

  alias Bloom.{Audit, Error, LifecycleManager, Plan, ReleaseHandler, Releases}

  @type option ::
          {:mode, :auto | :hot | :restart} | {:wait, :probation | :commit} | {:force, boolean()}

  @doc """
  Installs the archive `NAME-VSN.tar.gz` from the releases directory, without switching to it.

  The archive is verified against its manifest while it is unpacked beside the live files; only when all of it
  is sound is it put in place. Whatever fails leaves the root as it was.
  """
  @spec install_release(String.t()) :: :ok | {:error, String.t()}
  def install_release(version), do: audited(:install, [version], fn -> Releases.install(version) end)

  @doc """
  Makes an installed release the running one, while the node goes on serving where its plan allows it.

  Refused without any change where the plan, the rehearsal or the look at the processes says so. Answers `:ok` when
  the new release runs and has passed its first checks. It is then on probation for `probation_ms`: watched, with the
  old release still permanent, and taken back where it does not prove itself; in the end it is committed.

  Two kinds of release are answered before that, and what came of them stands in
  `Bloom.Metadata.get_deployment_history/1`: one that needs a restart of the VM is booted on trial
  (`{:ok, :restarting}`), and one that replaces code of Bloom itself goes on in the new code (`{:ok, :handed_over}`).

  Options:

    * `wait: :commit` - answer when the probation has ended, by then with what came of it;
    * `mode: :hot` - refuse a release that needs a restart; `mode: :restart` - restart in any case;
    * `force: true` - try a version again that did not pass its trial.
  """
  @spec switch_release(String.t(), [option()]) :: :ok | {:ok, :restarting | :handed_over} | {:error, String.t()}
  def switch_release(version, opts \\ []) do
    audited(:switch, [version, opts], fn -> Releases.switch(version, opts) end)
  end

  @doc """
  Switches back to the release that ran before the running one, and again to the one before that.

  While a switch is on probation, it is taken back. Options are those of `switch_release/2`.
  """
  @spec rollback_release([option()]) :: :ok | {:ok, :restarting | :handed_over} | {:error, String.t()}
  def rollback_release(opts \\ []), do: audited(:rollback, [opts], fn -> Releases.rollback(opts) end)

  @doc """
  Removes an installed release and the files that no other release needs.

  Refused for releases that are needed, see `Bloom.LifecycleManager`. With `dry_run: true` nothing is removed and the
  answer is `{:ok, report}`: what would be.
  """
  @spec remove_release(String.t(), dry_run: boolean()) ::
          :ok | {:ok, LifecycleManager.report()} | {:error, String.t()}
  def remove_release(version, opts \\ []) do
    audited(:remove, [version, opts], fn -> Releases.remove(version, opts) end)
  end

  @doc "The plan of a switch to an installed release, without switching."
  @spec plan_release(String.t()) :: {:ok, Plan.t()} | {:error, String.t()}
  def plan_release(version), do: version |> Releases.plan() |> in_words()

  @doc "Every known release with its `:name`, `:version` and `:status`, latest registered first."
  @spec list_releases() :: [%{name: String.t(), version: String.t(), status: ReleaseHandler.status()}]
  def list_releases, do: ReleaseHandler.releases()

  @doc "The release that runs."
  @spec current_release() ::
          {:ok, %{name: String.t(), version: String.t(), status: ReleaseHandler.status()}} | {:error, String.t()}
  def current_release, do: in_words(Releases.current())

  defp audited(operation, arguments, fun) do
    Audit.who() |> Audit.run(operation, arguments, fun) |> in_words()
  end

  defp in_words({:error, error}), do: {:error, Error.to_message(error)}
  defp in_words(answer), do: answer
end
