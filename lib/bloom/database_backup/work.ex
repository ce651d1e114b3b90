defmodule Bloom.DatabaseBackup.Work do
  @moduledoc """
  Runs a backup or a restore in a process of its own: within a time limit, cancellable, with progress in the log.

  When the time is up, the work is first asked to stop, so that it can clean up, and killed only when it does not. It ends
  with the process that waits for it.
  """

  require Logger

  alias Bloom.{Error, ErrorInterpreter, Native}
  alias Bloom.ErrorInterpreter.Words

  @enforce_keys [:waiter, :ref, :watch]
  defstruct [:waiter, :ref, :watch]

  @typedoc "What the work is given: `watch` is for the backend."
  @opaque t :: %__MODULE__{waiter: pid(), ref: reference(), watch: Native.watch()}

  @first_log_ms 2_000
  @next_log_ms 10_000
  # How long the work may take to stop when it is asked to.
  @grace_ms 5_000

  @doc "Runs the work; `what` is what people call it (\"the backup of release 1.1.0\")."
  @spec run(String.t(), Native.watch(), pos_integer(), (t() -> {:ok, value} | {:error, Error.t()})) ::
          {:ok, value} | {:error, Error.t()}
        when value: term()
  def run(what, watch, timeout, fun) do
    with {:ok, token} <- Native.cancel_token(watch[:cancel]) do
      ref = make_ref()
      work = %__MODULE__{waiter: self(), ref: ref, watch: %{progress: {self(), ref}, cancel: token}}
      {pid, monitor} = :erlang.spawn_opt(fn -> enter(work, fun) end, [:link, :monitor])
      now = now()

      wait(%{
        what: what,
        stage: "begins",
        percent: nil,
        ref: ref,
        pid: pid,
        monitor: monitor,
        token: token,
        progress: watch[:progress],
        started: now,
        timeout: timeout,
        deadline: now + timeout,
        log_at: now + @first_log_ms
      })
    end
  end

  @doc "Says what is done now, in words (\"dumps MyApp.Repo\")."
  @spec stage(t(), String.t()) :: :ok
  def stage(%__MODULE__{waiter: waiter, ref: ref}, words) do
    send(waiter, {ref, :stage, words})
    :ok
  end

  @doc "What the backend is to be given."
  @spec watch(t()) :: Native.watch()
  def watch(%__MODULE__{watch: watch}), do: watch

  defp enter(work, fun) do
    result = attempt(fun, work)
    Process.unlink(work.waiter)
    exit({__MODULE__, result})
  end

  # What the exception says may hold the connection's secrets: only where it happened is told.
  defp attempt(fun, work) do
    fun.(work)
  catch
    kind, reason ->
      name = if kind == :error, do: inspect(Exception.normalize(:error, reason).__struct__), else: inspect(kind)

      {:error,
       Error.new(:backup_bug, "it failed with #{name}#{ErrorInterpreter.place(__STACKTRACE__)}", suggestions: [report()])}
  end

  defp report, do: "report it at https://github.com/brandocms/bloom/issues, or to whoever wrote the backend"

  defp wait(state) do
    %{ref: ref, monitor: monitor} = state

    receive do
      {:bloom_progress, ^ref, done, total} ->
        tell(state.progress, done, total)
        state |> log(%{percent: if(total > 0, do: div(100 * done, total))}) |> wait()

      {^ref, :stage, words} ->
        state |> log(%{stage: words, percent: nil}) |> wait()

      {:DOWN, ^monitor, :process, _pid, reason} ->
        ended(reason, state)
    after
      max(min(state.deadline, state.log_at) - now(), 0) ->
        if now() >= state.deadline, do: stop(state), else: state |> log(%{}) |> wait()
    end
  end

  defp log(state, changes) do
    state = Map.merge(state, changes)

    if now() >= state.log_at do
      percent = if state.percent, do: " (#{state.percent}%)", else: ""
      Logger.info("Bloom: #{state.what} #{state.stage}#{percent}, #{div(now() - state.started, 1000)} s so far")
      %{state | log_at: now() + @next_log_ms}
    else
      state
    end
  end

  defp stop(%{pid: pid, monitor: monitor} = state) do
    Native.ok!(Native.cancel(state.token))

    receive do
      {:DOWN, ^monitor, :process, _pid, reason} -> reason |> ended(state) |> timed_out(state)
    after
      @grace_ms ->
        Process.unlink(pid)
        Process.exit(pid, :kill)
        # Answered at once, also while the process is in the native library.
        receive do: ({:DOWN, ^monitor, :process, _pid, _reason} -> flush(state.ref))
        timed_out({:error, Error.new(:cancelled, "it was killed")}, state)
    end
  end

  defp ended({__MODULE__, result}, state) do
    flush(state.ref)
    result
  end

  defp ended(reason, state) do
    flush(state.ref)

    {:error,
     Error.new(:backup_killed, "#{state.what} was killed while it #{state.stage}: #{Words.of(reason)}",
       suggestions: ["try again; nothing half-made is kept"]
     )}
  end

  defp timed_out({:ok, value}, _state), do: {:ok, value}

  defp timed_out({:error, error}, state) do
    message = "#{state.what} took longer than #{state.timeout} ms and was stopped while it #{state.stage}"
    message = if error.code == :cancelled, do: message, else: "#{message}: #{error.message}"

    {:error,
     Error.new(:backup_timeout, message, details: error.details, suggestions: ["raise database_backup_timeout_ms"])}
  end

  # Who asked is told under the reference that it knows.
  defp tell(nil, _done, _total), do: :ok
  defp tell({pid, ref}, done, total), do: send(pid, {:bloom_progress, ref, done, total})

  defp flush(ref) do
    receive do
      {:bloom_progress, ^ref, _done, _total} -> flush(ref)
      {^ref, :stage, _words} -> flush(ref)
    after
      0 -> :ok
    end
  end

  defp now, do: System.monotonic_time(:millisecond)
end
