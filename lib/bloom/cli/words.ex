defmodule Bloom.CLI.Words do
  @moduledoc "What a node answers, in words for people."

  alias Bloom.CLI.Output

  @stages %{
    starting: "beginning",
    verify: "checking the archive",
    stage: "unpacking",
    survey: "looking at what is there",
    register: "registering",
    plan: "planning",
    rehearse: "rehearsing",
    backup: "backing the databases up",
    migrate: "migrating the databases",
    switch: "switching",
    restarting: "restarting the node",
    probation: "on probation",
    commit: "committing",
    cleanup: "cleaning up",
    remove: "removing",
    revert: "taking back what the rollback is about",
    undo: "undoing what was done",
    recover: "settling what was left"
  }

  @doc """
  What is in progress, in one line.

      iex> Bloom.CLI.Words.progress(%{operation: :switch, version: "1.1.0", stage: :probation, progress: nil,
      ...>   elapsed_ms: 900, probation_left_ms: 41_200})
      "switch 1.1.0: on probation, 42 s left"
      iex> Bloom.CLI.Words.progress(%{operation: :install, version: "1.1.0", stage: :stage, progress: {5_300_000, 10_600_000},
      ...>   elapsed_ms: 900, probation_left_ms: nil})
      "install 1.1.0: unpacking, 5.3 of 10.6 MB (50 %)"
  """
  @spec progress(map()) :: String.t()
  def progress(status) do
    "#{what(status)}: #{stage(status)}#{part(status.progress)}#{left(status)}"
  end

  @doc """
  What the stage is called, by which it is told from the one before.

      iex> Bloom.CLI.Words.stage(%{stage: :rehearse, probation_left_ms: nil})
      "rehearsing"
  """
  @spec stage(map()) :: String.t()
  def stage(%{stage: :probation, probation_left_ms: nil}), do: "having its first checks"
  def stage(%{stage: stage}), do: Map.get(@stages, stage, to_string(stage))

  defp what(%{operation: operation, version: nil}), do: operation |> to_string() |> String.replace("_", " ")
  defp what(%{operation: operation, version: version}), do: "#{operation} #{version}"

  defp part({done, total}) when total > 0,
    do: ", #{megabytes(done)} of #{megabytes(total)} MB (#{div(100 * done, total)} %)"

  defp part(_nothing_to_count), do: ""

  defp left(%{stage: :probation, probation_left_ms: ms}) when is_integer(ms), do: ", #{div(ms + 999, 1000)} s left"
  defp left(_status), do: ""

  @doc """
  A deployment of the history, in one line.

      iex> Bloom.CLI.Words.deployment(%{id: 3, operation: :switch, version: "1.1.0", from_version: "1.0.0", outcome: :committed,
      ...>   started_at: "2026-01-02T03:04:05.123456Z", reason: nil})
      {:green, "#3  2026-01-02 03:04:05Z  switch 1.0.0 -> 1.1.0: committed"}
  """
  @spec deployment(map()) :: Output.line()
  def deployment(deployment) do
    reason = if deployment.reason, do: " (#{deployment.reason})", else: ""
    outcome = String.replace(to_string(deployment.outcome || "in progress"), "_", " ")
    text = "##{deployment.id}  #{time(deployment.started_at)}  #{way(deployment)}: #{outcome}#{reason}"
    {colour(deployment.outcome), text}
  end

  defp way(%{operation: operation, version: version, from_version: from})
       when operation in [:switch, :rollback] and from != nil,
       do: "#{operation} #{from} -> #{version}"

  defp way(deployment), do: what(deployment)

  defp colour(outcome) when outcome in [:committed, :installed, :removed], do: :green
  defp colour(outcome) when outcome in [nil, :cancelled], do: :yellow
  defp colour(_failed_or_unknown), do: :red

  defp time(<<date::binary-size(10), "T", time::binary-size(8), _fraction::binary>>), do: "#{date} #{time}Z"
  defp time(other), do: other

  @doc """
  A release of a list, in one line.

      iex> Bloom.CLI.Words.release(%{name: "garden", version: "1.1.0", status: :permanent})
      {:green, "1.1.0  permanent: boots next"}
  """
  @spec release(map()) :: Output.line()
  def release(%{version: version, status: :permanent}), do: {:green, "#{version}  permanent: boots next"}
  def release(%{version: version, status: :current}), do: {:yellow, "#{version}  current: runs, but does not boot next"}
  def release(%{version: version, status: status}), do: "#{version}  #{status}"

  @doc """
  A health check, in one line.

      iex> Bloom.CLI.Words.check(%{name: :disk, critical: false, result: {:error, "12 MB are free"}, duration_ms: 1})
      {:yellow, "warn  disk: 12 MB are free"}
  """
  @spec check(map()) :: Output.line()
  def check(%{result: :ok, name: name}), do: {:green, "ok    #{name}"}
  def check(%{result: {:error, reason}, critical: false, name: name}), do: {:yellow, "warn  #{name}: #{reason}"}
  def check(%{result: {:error, reason}, name: name}), do: {:red, "FAIL  #{name}: #{reason}"}

  @doc "What a removal would remove, a line for each thing."
  @spec removal(map()) :: [Output.line()]
  def removal(report) do
    ["would free #{megabytes(report.freed_bytes)} MB:"] ++
      for path <- report.directories ++ report.archives, do: "  #{path}"
  end

  @doc """
  Bytes as megabytes.

      iex> Bloom.CLI.Words.megabytes(1_250_000)
      "1.3"
  """
  @spec megabytes(non_neg_integer()) :: String.t()
  def megabytes(bytes), do: :erlang.float_to_binary(bytes / 1_000_000, decimals: 1)
end
