defmodule Bloom.HealthChecker.VM do
  @moduledoc "The built-in checks of the VM: applications, processes, message queues and schedulers."

  alias Bloom.{Config, ReleaseHandler}
  alias Bloom.ErrorInterpreter.Words

  # All of a million processes would take seconds.
  @queue_budget_ms 50
  @delay_samples 5

  @doc """
  Whether the release's own application runs.

  It is the one that `app_name` names, else the one that is called as the release is. Where no application is called
  so, as in a release of an umbrella, there is nothing to ask: name them in `required_applications`.
  """
  @spec application() :: :ok | {:error, String.t()}
  def application, do: application(Config.get_valid(:app_name) || release_name())

  @doc "The same for a name."
  @spec application(atom() | String.t() | nil) :: :ok | {:error, String.t()}
  def application(name) do
    case Enum.find(Application.loaded_applications(), fn {app, _text, _vsn} -> to_string(app) == to_string(name) end) do
      {app, _text, _vsn} -> running([app])
      nil -> :ok
    end
  end

  @doc "Whether the applications of the option `required_applications` run."
  @spec required_applications() :: :ok | {:error, String.t()}
  def required_applications, do: running(Config.get_valid(:required_applications))

  @doc "Whether there are at least `min_processes`."
  @spec processes() :: :ok | {:error, String.t()}
  def processes do
    {count, least} = {:erlang.system_info(:process_count), Config.get_valid(:min_processes)}
    if count >= least, do: :ok, else: {:error, "there are #{count} processes, at least #{least} are expected"}
  end

  @doc "Whether at most `max_process_ratio` of the VM's limit of processes is taken."
  @spec process_ratio() :: :ok | {:error, String.t()}
  def process_ratio do
    {count, limit} = {:erlang.system_info(:process_count), :erlang.system_info(:process_limit)}
    ratio = Config.get_valid(:max_process_ratio)

    if count <= limit * ratio do
      :ok
    else
      {:error, "there are #{count} processes of #{limit} that the VM allows, limit #{floor(ratio * 100)}%"}
    end
  end

  @doc """
  Whether no more than `max_message_queue_length` messages wait for a process.

  Looks at all processes that have a name first, then at the others from a random one on, for #{@queue_budget_ms} ms at
  most. A node with hundreds of thousands of processes is looked at in part.
  """
  @spec message_queues() :: :ok | {:error, String.t()}
  def message_queues do
    named = for name <- Process.registered(), pid = Process.whereis(name), is_pid(pid), do: pid
    {first, second} = Enum.split(Process.list(), :rand.uniform(:erlang.system_info(:process_count)))
    deadline = System.monotonic_time(:millisecond) + @queue_budget_ms

    longest(Stream.concat([named, second, first]), Config.get_valid(:max_message_queue_length), deadline)
  end

  @doc "Whether a new process runs within `max_scheduler_delay_ms`: the median of #{@delay_samples}."
  @spec scheduler_delay() :: :ok | {:error, String.t()}
  def scheduler_delay do
    judge_delay(for(_sample <- 1..@delay_samples, do: measure_delay()), Config.get_valid(:max_scheduler_delay_ms))
  end

  @doc false
  def judge_delay(delays, limit) do
    median = delays |> Enum.sort() |> Enum.at(div(length(delays), 2)) |> div(1000)
    if median <= limit, do: :ok, else: {:error, "a new process waits #{median} ms until it runs, limit #{limit} ms"}
  end

  @doc false
  def delay(parent, ref, since), do: send(parent, {ref, System.monotonic_time(:microsecond) - since})

  defp measure_delay do
    ref = make_ref()
    spawn(__MODULE__, :delay, [self(), ref, System.monotonic_time(:microsecond)])
    receive(do: ({^ref, microseconds} -> microseconds))
  end

  defp running(apps) do
    started = for {app, _text, _vsn} <- Application.started_applications(), do: app

    case Enum.reject(apps, &(&1 in started)) do
      [] -> :ok
      [app] -> {:error, "application #{app} does not run"}
      missing -> {:error, "applications #{Enum.join(missing, ", ")} do not run"}
    end
  end

  defp release_name do
    with {:ok, %{name: name}} <- ReleaseHandler.running(), do: name
  end

  defp longest(pids, limit, deadline) do
    Enum.find_value(pids, :ok, fn pid ->
      cond do
        queue(pid) > limit -> {:error, "#{queue(pid)} messages wait for #{Words.process(pid)}, limit #{limit}"}
        System.monotonic_time(:millisecond) > deadline -> :ok
        true -> nil
      end
    end)
  end

  # A process that is gone waits for nothing.
  defp queue(pid) do
    case Process.info(pid, :message_queue_len) do
      {:message_queue_len, length} -> length
      nil -> 0
    end
  end
end
