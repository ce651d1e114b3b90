defmodule Bloom.RPC.Operations do
  @moduledoc """
  What can be asked for over RPC: each operation with its arguments, what runs for it and its plain answer.

  | operation | arguments | answer |
  | --- | --- | --- |
  | `:install` | version | `:ok` |
  | `:switch` | version, options | `:ok`, `{:ok, :restarting}` or `{:ok, :handed_over}` |
  | `:rollback` | options | as `:switch` |
  | `:remove` | version, options | `:ok`, with `dry_run: true` `{:ok, report}` |
  | `:list` | | `{:ok, [release]}` |
  | `:current` | | `{:ok, release}` |
  | `:status` | | `{:ok, :idle}` or `{:ok, map}` |
  | `:plan` | version | `{:ok, plan}` |
  | `:health` | | `{:ok, %{healthy: boolean, checks: [check]}}` |
  | `:history` | options | `{:ok, [deployment]}`, newest first |
  | `:cancel` | | `:ok` |
  | `:backup` | version | `{:ok, backup}` |
  | `:follow` | pid | `:ok`, and messages to that process, see `Bloom.RPC.Follow` |
  | `:archive` | version | `{:ok, path}`: where the archive of that version is looked for |
  | `:verify_audit` | options | `{:ok, map}`, see `Bloom.Metadata.verify_audit/1` |

  Options may be left out. They are keyword lists: those of `Bloom.ReleaseManager` for releases, `limit: 50`
  for the history, 10,000 at most, `noted: head` for the audit log.
  """

  alias Bloom.{
    DatabaseBackup,
    Deployment,
    Error,
    HealthChecker,
    Metadata,
    Plan,
    ReleaseHandler,
    Releases,
    Root,
    Validator
  }

  alias Bloom.DatabaseBackup.Repos
  alias Bloom.ErrorInterpreter.Words
  alias Bloom.Metadata.History
  alias Bloom.RPC.{Follow, Plain}

  @switch_options [mode: [:auto, :hot, :restart], wait: [:probation, :commit], force: [true, false]]
  @remove_options [dry_run: [true, false]]

  @most_history 10_000

  @operations [:install, :switch, :rollback, :remove, :list, :current, :status, :plan, :health, :history, :cancel] ++
                [:backup, :follow, :archive, :verify_audit]

  @type operation :: atom()
  @type answer :: :ok | {:ok, term()} | {:error, Error.t()}

  @doc """
  Runs an operation. What it answers is plain data or an error.

      iex> Bloom.RPC.Operations.run(:status, [])
      {:ok, :idle}
      iex> {:error, error} = Bloom.RPC.Operations.run(:dance, [])
      iex> error.code
      :unknown_operation
  """
  @spec run(operation(), [term()]) :: answer()
  def run(operation, arguments) do
    with {:ok, value} <- operate(operation, arguments), do: {:ok, Plain.of(value)}
  end

  defp operate(:install, [version]), do: Releases.install(version)
  defp operate(:switch, [version]), do: Releases.switch(version)

  defp operate(:switch, [version, opts]) do
    with :ok <- check(opts, @switch_options), do: Releases.switch(version, opts)
  end

  defp operate(:rollback, []), do: Releases.rollback()
  defp operate(:rollback, [opts]), do: with(:ok <- check(opts, @switch_options), do: Releases.rollback(opts))
  defp operate(:remove, [version]), do: Releases.remove(version)

  defp operate(:remove, [version, opts]) do
    with :ok <- check(opts, @remove_options), do: Releases.remove(version, opts)
  end

  defp operate(:list, []), do: {:ok, ReleaseHandler.releases()}
  defp operate(:current, []), do: Releases.current()
  defp operate(:status, []), do: {:ok, Deployment.status()}
  defp operate(:plan, [version]), do: with({:ok, plan} <- Releases.plan(version), do: {:ok, Plan.to_map(plan)})
  defp operate(:health, []), do: {:ok, health(HealthChecker.results())}
  defp operate(:history, []), do: operate(:history, [[]])
  defp operate(:history, [[]]), do: history(limit: 50)
  defp operate(:history, [[limit: limit]]) when limit in 1..@most_history, do: history(limit: limit)
  defp operate(:cancel, []), do: Deployment.cancel()
  defp operate(:backup, [version]), do: backup(version)
  defp operate(:follow, [pid]) when is_pid(pid), do: Follow.start(pid)
  defp operate(:archive, [version]), do: archive(version)
  defp operate(:verify_audit, []), do: Metadata.verify_audit()
  defp operate(:verify_audit, [[noted: head]]) when is_binary(head), do: Metadata.verify_audit(noted: head)

  defp operate(operation, _arguments) when operation in @operations do
    {:error, wrong_arguments("these are not the arguments of #{operation}")}
  end

  defp operate(operation, _arguments) do
    {:error,
     Error.new(:unknown_operation, "Bloom has no operation #{Words.of(operation)}",
       suggestions: ["see Bloom.RPC.Operations for those it has"]
     )}
  end

  # Only what is known gets in: options go on to whoever carries out the deployment.
  defp check(opts, known) do
    if Keyword.keyword?(opts) do
      Enum.find_value(opts, :ok, fn {name, value} ->
        if value not in Keyword.get(known, name, []), do: {:error, wrong_option(name, value, known)}
      end)
    else
      {:error, wrong_arguments("options are a keyword list, got: #{Words.of(opts)}")}
    end
  end

  defp wrong_option(name, value, known) do
    options =
      Enum.map_join(known, ", ", fn {name, values} -> "#{name} (#{Enum.map_join(values, " or ", &inspect/1)})" end)

    wrong_arguments("there is no option #{name} that is #{Words.of(value)}, only #{options}")
  end

  defp wrong_arguments(message) do
    Error.new(:wrong_arguments, message, suggestions: ["see Bloom.RPC.Operations for what each operation takes"])
  end

  defp health(checks), do: %{healthy: Enum.all?(checks, &(&1.result == :ok)), checks: checks}

  defp backup(version) do
    with {:ok, version} <- Validator.validate_version(version), {:ok, repos} <- Repos.running() do
      DatabaseBackup.create(version, repos)
    end
  end

  defp archive(version) do
    with {:ok, version} <- Validator.validate_version(version),
         {:ok, root} <- Root.fetch(),
         do: {:ok, Root.archive(root, version)}
  end

  defp history(opts) do
    with {:ok, deployments} <- History.all(opts[:limit]), do: {:ok, Enum.map(deployments, &deployment/1)}
  end

  # Without its plan and facts, which are large and for Bloom itself.
  defp deployment(deployment) do
    deployment
    |> Map.take([:id, :operation, :version, :from_version, :mode, :outcome, :reason, :requested_by, :started_at])
    |> Map.put(:ended_at, deployment.finished_at)
    |> Map.put(:steps, Enum.map(deployment.steps, &Map.delete(&1, :id)))
  end
end
