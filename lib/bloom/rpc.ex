defmodule Bloom.RPC do
  @moduledoc """
  What a deployment tool such as Florist calls in the running node, with `:rpc.call/5`.

      :rpc.call(node, Bloom.RPC, :install_release, ["1.2.3"], 600_000)
      :rpc.call(node, Bloom.RPC, :switch_release, ["1.2.3"], 600_000)
      :rpc.call(node, Bloom.RPC, :call, [:status, [], nil], 5_000)

  `call/3` is the one door: every operation of `Bloom.RPC.Operations`, with plain data as its answer. The other functions
  are the same under the names of `Bloom.ReleaseManager`, and answer as that does.

  With `require_authentication` each call carries a token as its last argument, see `Bloom.RPC.Token`. `allowed_ips` says
  where calls may come from. Every call, allowed or not, is in the audit log, see `Bloom.Metadata.get_audit/1`. What that
  protects and what it does not stands in the guide "Security".

  What is refused has one of these codes: `:unauthorized`, `:token_missing`, `:token_invalid`, `:token_expired`,
  `:token_replayed`, `:address_not_allowed`, `:rate_limited`; and `:not_started` while Bloom does not run.
  """

  alias Bloom.Error
  alias Bloom.RPC.{Gate, Operations, Plain}

  @type token :: binary() | nil
  @type answer :: :ok | {:ok, term()} | {:error, Plain.error()}

  @doc """
  Runs an operation and answers in plain data, errors included.

      iex> Bloom.RPC.call(:status, [])
      {:ok, :idle}
      iex> {:error, %{code: :wrong_arguments}} = Bloom.RPC.call(:status, [1])
  """
  @spec call(Operations.operation(), [term()], token()) :: answer()
  def call(operation, arguments, token \\ nil) do
    with {:error, error} <- Gate.run(operation, arguments, token), do: {:error, Plain.error(error)}
  end

  @doc "See `Bloom.ReleaseManager.install_release/1`."
  @spec install_release(String.t(), token()) :: :ok | {:error, String.t()}
  def install_release(version, token \\ nil), do: in_words(:install, [version], token)

  @doc "See `Bloom.ReleaseManager.switch_release/2`. The options may be left out before a token as well."
  @spec switch_release(String.t(), [Bloom.ReleaseManager.option()] | token(), token()) ::
          :ok | {:ok, :restarting | :handed_over} | {:error, String.t()}
  def switch_release(version, opts \\ [], token \\ nil)
  def switch_release(version, opts, token) when is_list(opts), do: in_words(:switch, [version, opts], token)
  def switch_release(version, token, nil), do: in_words(:switch, [version], token)

  @doc "See `Bloom.ReleaseManager.rollback_release/1`. The options may be left out before a token as well."
  @spec rollback_release([Bloom.ReleaseManager.option()] | token(), token()) ::
          :ok | {:ok, :restarting | :handed_over} | {:error, String.t()}
  def rollback_release(opts \\ [], token \\ nil)
  def rollback_release(opts, token) when is_list(opts), do: in_words(:rollback, [opts], token)
  def rollback_release(token, nil), do: in_words(:rollback, [], token)

  @doc "See `Bloom.ReleaseManager.remove_release/2`. The options may be left out before a token as well."
  @spec remove_release(String.t(), [dry_run: boolean()] | token(), token()) :: :ok | {:ok, map()} | {:error, String.t()}
  def remove_release(version, opts \\ [], token \\ nil)
  def remove_release(version, opts, token) when is_list(opts), do: in_words(:remove, [version, opts], token)
  def remove_release(version, token, nil), do: in_words(:remove, [version], token)

  @doc "See `Bloom.ReleaseManager.list_releases/0`."
  @spec list_releases(token()) :: [map()] | {:error, String.t()}
  def list_releases(token \\ nil), do: value(:list, [], token)

  @doc "See `Bloom.ReleaseManager.current_release/0`."
  @spec current_release(token()) :: {:ok, map()} | {:error, String.t()}
  def current_release(token \\ nil), do: in_words(:current, [], token)

  @doc """
  See `Bloom.Deployment.status/0`.

      iex> Bloom.RPC.status()
      :idle
  """
  @spec status(token()) :: :idle | map() | {:error, String.t()}
  def status(token \\ nil), do: value(:status, [], token)

  @doc "See `Bloom.ReleaseManager.plan_release/1`; the plan is a map."
  @spec plan(String.t(), token()) :: {:ok, map()} | {:error, String.t()}
  def plan(version, token \\ nil), do: in_words(:plan, [version], token)

  @doc "The health checks, each with what came of it, and whether all of them passed."
  @spec health_check(token()) :: {:ok, %{healthy: boolean(), checks: [map()]}} | {:error, String.t()}
  def health_check(token \\ nil), do: in_words(:health, [], token)

  @doc "The latest 50 deployments, newest first."
  @spec history(token()) :: {:ok, [map()]} | {:error, String.t()}
  def history(token \\ nil), do: in_words(:history, [], token)

  @doc "See `Bloom.Deployment.cancel/0`."
  @spec cancel(token()) :: :ok | {:error, String.t()}
  def cancel(token \\ nil), do: in_words(:cancel, [], token)

  defp in_words(operation, arguments, token) do
    with {:error, error} <- Gate.run(operation, arguments, token), do: {:error, Error.to_message(error)}
  end

  defp value(operation, arguments, token) do
    with {:ok, value} <- in_words(operation, arguments, token), do: value
  end
end
