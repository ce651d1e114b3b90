defmodule Bloom.HealthChecker.Machine do
  @moduledoc "The built-in checks of the machine: memory and disk."

  alias Bloom.{Config, Error, Native, Root}

  @megabyte 1024 * 1024

  @doc """
  Memory: what the VM holds, and what is left.

  The VM may hold `memory_threshold_bytes`. Of the memory of the tightest control group (a container, a systemd
  service; version 1 or 2), else of the machine, `max_memory_ratio` may be taken by anybody. Cache that the
  kernel gives back when asked does not count. Where the operating system tells nothing, as without `/proc`, what the VM
  itself has allocated is all there is to judge.
  """
  @spec memory() :: :ok | {:error, String.t()}
  def memory,
    do: judge_memory(Native.memory(), Config.get_valid(:memory_threshold_bytes), Config.get_valid(:max_memory_ratio))

  @doc """
  Judges memory.

      iex> memory = %{limit: 1_000_000_000, used: 970_000_000, resident: 60_000_000, source: :cgroup}
      iex> Bloom.HealthChecker.Machine.judge_memory({:ok, memory}, nil, 0.95)
      {:error, "97% of the 953 MB of the container or service are taken, limit 95%"}
      iex> Bloom.HealthChecker.Machine.judge_memory({:ok, memory}, 50_000_000, 0.98)
      {:error, "the VM holds 57 MB of memory, limit 47 MB"}
      iex> Bloom.HealthChecker.Machine.judge_memory({:ok, memory}, nil, 0.98)
      :ok
  """
  @spec judge_memory({:ok, Native.memory()} | {:error, Error.t()}, pos_integer() | nil, number()) ::
          :ok | {:error, String.t()}
  def judge_memory({:ok, %{resident: resident}}, threshold, _ratio)
      when is_integer(threshold) and resident > threshold do
    {:error, "the VM holds #{megabytes(resident)} MB of memory, limit #{megabytes(threshold)} MB"}
  end

  def judge_memory({:ok, memory}, _threshold, ratio) do
    if memory.used > memory.limit * ratio do
      taken = "#{percent(memory.used / memory.limit)} of the #{megabytes(memory.limit)} MB of #{owner(memory.source)}"
      {:error, "#{taken} are taken, limit #{percent(ratio)}"}
    else
      :ok
    end
  end

  def judge_memory({:error, %Error{code: :unknown}}, threshold, _ratio) do
    held = :erlang.memory(:total)

    if is_integer(threshold) and held > threshold do
      {:error, "the VM has allocated #{megabytes(held)} MB of memory, limit #{megabytes(threshold)} MB"}
    else
      :ok
    end
  end

  def judge_memory({:error, error}, _threshold, _ratio), do: {:error, Error.to_message(error)}

  @doc "Disk: `min_disk_space_mb` free on the file system of the releases."
  @spec disk() :: :ok | {:error, String.t()}
  def disk, do: disk(Root.path())

  @doc "The same for the file system of another path."
  @spec disk(Path.t()) :: :ok | {:error, String.t()}
  def disk(path) do
    required = Config.get_valid(:min_disk_space_mb)

    case Native.disk_space(path) do
      {:ok, %{free: free}} when free >= required * @megabyte ->
        :ok

      {:ok, %{free: free}} ->
        {:error, Error.insufficient_disk_space(required, megabytes(free)).message}

      {:error, error} ->
        {:error, Error.to_message(error)}
    end
  end

  defp owner(:cgroup), do: "the container or service"
  defp owner(:machine), do: "the machine"

  defp megabytes(bytes), do: div(bytes, @megabyte)
  defp percent(ratio), do: "#{floor(ratio * 100)}%"
end
