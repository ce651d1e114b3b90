defmodule Bloom.SafetyMonitor do
  @moduledoc """
  Watches a new release while it is on probation.

  Looks at the node every second, always, so that there is a baseline of the minutes before a switch; judges once a
  second from `start/1` to `stop/0`. What it looks at:

    * errors: everything that is logged at `:error` or above, with crashes of processes and children that their
      supervisors restart, each crash once. What Bloom itself logs does not count, nor what the Logger's own level
      keeps back;
    * response time of the probes that the option `response_probes` names, see `Bloom.SafetyMonitor.Probe`;
    * how long a new process waits until it runs;
    * memory and processes.

  What is too much is said in `Bloom.SafetyMonitor.Judgement`: over the limit of the configuration *and* clearly worse
  than before the switch.

  All options are read at the moment of use, so those of the new release count from the switch on.
  """

  use GenServer

  alias Bloom.Error
  alias Bloom.SafetyMonitor.{ErrorCounter, Judgement, LogHandler, Measures, Response, Sample}
  alias Bloom.Telemetry

  @second 1000
  @window 300

  @typedoc """
  A judgement of `Bloom.SafetyMonitor.Judgement`, with the version that it is about and when it was made, in seconds
  since 1970.
  """
  @type judgement :: %{
          version: String.t() | nil,
          at: integer(),
          verdict: Judgement.verdict(),
          reasons: [String.t()],
          measures: map(),
          limits: map(),
          baseline: map()
        }

  @type status :: %{
          state: :watching | :idle | :not_running,
          version: String.t() | nil,
          seconds: non_neg_integer() | nil,
          judgement: judgement() | nil,
          counting_errors: boolean()
        }

  @doc false
  def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @doc """
  Starts to judge, until `stop/0` or until the process that is notified is gone.

  A second start by the same process takes the place of the first, whose answer it may not have got.

    * `:version` - what is on probation;
    * `:notify` - who gets `{:bloom_safety, reference, {:unsafe, reasons}}`, once, at the first bad judgement; the
      caller by default;
    * `:baseline` - what `baseline/0` answered before the switch, maybe in another VM; by default what it
      answers now.
  """
  @spec start(version: String.t(), notify: pid(), baseline: map() | nil) :: {:ok, reference()} | {:error, Error.t()}
  def start(opts \\ []) do
    ask({:start, Keyword.put_new(opts, :notify, self())}, {:error, not_running()})
  end

  @doc "Stops to judge."
  @spec stop() :: :ok
  def stop, do: ask(:stop, :ok)

  @doc "Whether it judges, which version for how long, and what the last judgement was."
  @spec status() :: status()
  def status do
    ask(:status, %{state: :not_running, version: nil, seconds: nil, judgement: nil, counting_errors: false})
  end

  @doc "The last judgement of the watch that goes on, or of the last one."
  @spec last_judgement() :: judgement() | nil
  def last_judgement, do: status().judgement

  @doc "What the last five minutes were like, in numbers and strings that can be kept for `start/1`."
  @spec baseline() :: Measures.baseline()
  def baseline, do: ask(:baseline, %{})

  @impl true
  def init(nil) do
    # For terminate/2, which takes the log handler away when Bloom is stopped.
    Process.flag(:trap_exit, true)
    counter = ErrorCounter.shared()
    send(self(), :tick)
    {:ok, %{counter: counter, samples: [], response: Response.new(), watch: nil, last: nil}}
  end

  @impl true
  def handle_call({:start, opts}, _from, state) do
    case state.watch do
      %{version: version} = watch ->
        if gone?(watch) or watch.notify == opts[:notify],
          do: watch(opts, state),
          else: {:reply, {:error, busy(version)}, state}

      nil ->
        watch(opts, state)
    end
  end

  def handle_call(:stop, _from, state), do: {:reply, :ok, unwatch(state)}
  def handle_call(:baseline, _from, state), do: {:reply, measure_baseline(state), state}

  def handle_call(:status, _from, %{watch: watch} = state) do
    status = %{
      state: if(watch, do: :watching, else: :idle),
      version: watch && watch.version,
      seconds: watch && ErrorCounter.now() - watch.since,
      judgement: state.last,
      counting_errors: LogHandler.attached?()
    }

    {:reply, status, state}
  end

  @impl true
  def handle_info(:tick, state) do
    Process.send_after(self(), :tick, @second)
    # Whoever reconfigures the logger may have thrown it out.
    LogHandler.attach(state.counter)
    now = ErrorCounter.now()
    Sample.request(self(), now)
    {:noreply, judge(%{state | response: Response.ask(state.response, now)}, now)}
  end

  def handle_info({:sample, sample}, state) do
    {:noreply, %{state | samples: Enum.take([sample | state.samples], @window)}}
  end

  def handle_info({:DOWN, monitor, :process, _notify, _reason}, %{watch: %{monitor: monitor}} = state) do
    {:noreply, unwatch(state)}
  end

  def handle_info({:DOWN, monitor, :process, _pid, reason}, state) do
    case Response.answered(state.response, monitor, reason, @window) do
      {:ok, response} -> {:noreply, %{state | response: response}}
      :error -> {:noreply, state}
    end
  end

  def handle_info(_unexpected, state), do: {:noreply, state}

  @impl true
  def terminate(:shutdown, _state), do: LogHandler.detach()
  # It will be started again, and the logger is not to be bothered in what may be an emergency.
  def terminate(_crash, _state), do: :ok

  defp watch(opts, state) do
    state = unwatch(state)
    now = ErrorCounter.now()
    notify = Keyword.fetch!(opts, :notify)
    ref = make_ref()

    watch = %{
      ref: ref,
      version: opts[:version],
      notify: notify,
      monitor: Process.monitor(notify),
      since: now,
      before: ErrorCounter.count(state.counter, now..now),
      baseline: if(opts[:baseline], do: Measures.restore(opts[:baseline]), else: measure_baseline(state)),
      told: false
    }

    {:reply, {:ok, ref}, %{state | watch: watch, last: nil}}
  end

  # Its monitor's message may be on the way still.
  defp gone?(%{notify: notify}), do: node(notify) == node() and not Process.alive?(notify)

  defp unwatch(%{watch: nil} = state), do: state

  defp unwatch(%{watch: watch} = state) do
    Process.demonitor(watch.monitor, [:flush])
    %{state | watch: nil}
  end

  defp judge(%{watch: nil} = state, _now), do: state

  defp judge(%{watch: watch} = state, now) do
    limits = Judgement.limits()
    measures = state |> seen(limits.response_ms) |> Measures.current(state.counter, watch, now)

    judgement =
      measures
      |> Judgement.make(limits, watch.baseline)
      |> Map.merge(%{version: watch.version, at: System.system_time(:second)})

    tell(judgement)
    tell? = judgement.verdict == :unsafe and not watch.told
    if tell?, do: send(watch.notify, {:bloom_safety, watch.ref, {:unsafe, judgement.reasons}})
    %{state | watch: %{watch | told: watch.told or tell?}, last: judgement}
  end

  # Of what is not known yet there is nothing to measure.
  defp tell(%{measures: measures} = judgement) do
    {of_probes, measures} = Map.split(measures, [:response_ms, :response_failures])
    known = for {name, value} <- measures, value != nil, into: %{}, do: {name, value}
    metadata = judgement |> Map.take([:version, :verdict, :reasons]) |> Map.merge(of_probes)
    Telemetry.execute([:bloom, :safety_monitor, :reading], known, metadata)
  end

  defp measure_baseline(state) do
    state |> seen(Judgement.limits().response_ms) |> Measures.baseline(state.counter, ErrorCounter.now(), @window)
  end

  defp seen(state, limit), do: %{samples: state.samples, answers: Response.answers(state.response, limit)}

  # Whoever asks is about to decide something and must not fall with this process.
  defp ask(request, otherwise) do
    GenServer.call(__MODULE__, request)
  catch
    :exit, _reason -> otherwise
  end

  defp not_running do
    Error.new(:not_started, "Bloom's safety monitor is not running",
      suggestions: ["see the log for why it stopped, and try again"]
    )
  end

  defp busy(version) do
    Error.new(:already_watching, "the safety monitor is watching release #{version} already",
      suggestions: ["wait until its probation is over; see Bloom.SafetyMonitor.status()"]
    )
  end
end
