defmodule Bloom.Validator.Resources do
  @moduledoc "Whether the machine and the VM have the room that a deployment takes: disk, memory and processes."

  alias Bloom.{Config, Error, Native, Root}
  alias Bloom.HealthChecker.VM
  alias Bloom.Validator.Archive

  @megabyte 1024 * 1024

  @doc """
  Disk: `min_disk_space_mb`, and what the archive of a version unpacks to with a tenth more.

  An archive that would not fit by what it says is read as a whole first, as a damaged one says anything.
  """
  @spec disk(Root.t(), String.t(), Native.watch()) :: :ok | {:error, Error.t()}
  def disk(root, version, watch \\ %{}) do
    archive = Root.archive(root, version)

    with {:ok, %{free: free}} <- Native.disk_space(root.path),
         :ok <- judge_disk(free, Config.get_valid(:min_disk_space_mb) * @megabyte),
         {:error, _would_not_fit} <- judge_disk(free, with_margin(Archive.estimate(archive))),
         {:ok, %{bytes: bytes}} <- Native.archive_verify(archive, watch) do
      judge_disk(free, with_margin(bytes))
    end
  end

  defp with_margin(bytes), do: bytes + div(bytes, 10)

  @doc """
  Judges bytes that are free.

      iex> {:error, error} = Bloom.Validator.Resources.judge_disk(209_715_200, 524_288_000)
      iex> error.message
      "Insufficient disk space. Required: 500MB, Available: 200MB"
  """
  @spec judge_disk(free :: non_neg_integer(), required :: non_neg_integer()) :: :ok | {:error, Error.t()}
  def judge_disk(free, required) when free >= required, do: :ok

  def judge_disk(free, required) do
    {:error, Error.insufficient_disk_space(ceil(required / @megabyte), div(free, @megabyte))}
  end

  @doc "Memory: `rehearsal_memory_mb` for the VM beside the node."
  @spec memory() :: :ok | {:error, Error.t()}
  def memory, do: judge_memory(Native.memory(), Config.get_valid(:rehearsal_memory_mb))

  @doc """
  Judges memory. Where the operating system tells nothing there is nothing to judge.

      iex> memory = %{limit: 268_435_456, used: 260_000_000, resident: 60_000_000, source: :cgroup}
      iex> {:error, error} = Bloom.Validator.Resources.judge_memory({:ok, memory}, 64)
      iex> error.message
      "Insufficient memory for the VM beside the node. Required: 64MB, Available: 8MB"
      iex> Bloom.Validator.Resources.judge_memory({:ok, memory}, 0)
      :ok
  """
  @spec judge_memory({:ok, Native.memory()} | {:error, Error.t()}, non_neg_integer()) :: :ok | {:error, Error.t()}
  def judge_memory({:ok, %{limit: limit, used: used}}, required) do
    free = max(limit - used, 0)
    if free >= required * @megabyte, do: :ok, else: {:error, insufficient_memory(required, div(free, @megabyte))}
  end

  def judge_memory({:error, %Error{code: :unknown}}, _required), do: :ok
  def judge_memory({:error, error}, _required), do: {:error, error}

  @doc "Processes: at most `max_process_ratio` of the VM's limit is taken."
  @spec processes() :: :ok | {:error, Error.t()}
  def processes do
    with {:error, why} <- VM.process_ratio() do
      {:error,
       Error.new(:too_many_processes, why,
         suggestions: ["let some of them end, raise max_process_ratio, or start the VM with a higher +P"]
       )}
    end
  end

  defp insufficient_memory(required_mb, available_mb) do
    Error.new(
      :insufficient_memory,
      "Insufficient memory for the VM beside the node. Required: #{required_mb}MB, Available: #{available_mb}MB",
      details: %{required_mb: required_mb, available_mb: available_mb},
      suggestions: ["give the machine, container or service more, or lower rehearsal_memory_mb"]
    )
  end
end
