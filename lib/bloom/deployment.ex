defmodule Bloom.Deployment do
  @moduledoc """
  One deployment at a time, walked by a process of its own.

  The driver hangs in no supervision tree: a relup suspends whatever it upgrades, and a process that waits for the
  release handler from inside such a tree would wait for itself. This server lets in one deployment at a time, answers
  who asked for it, and when a driver is killed has another one settle what it left.
  """

  use GenServer

  require Logger

  alias Bloom.Deployment.{Context, Driver, Recovery, Report, Status}
  alias Bloom.{Audit, Error, ErrorLog, Native, Root}

  # Stages that come to their end in any case.
  @not_cancellable [:commit, :revert, :after_hooks, :undo, :failure_hooks, :remove, :recover, :restarting] ++
                     [:cleanup, :migrate, :roll_back_migrations]

  # A walk that cannot be settled is left for the next start of the node.
  @attempts 3

  @type operation :: :install | :switch | :rollback | :remove

  @typedoc "What is not a deployment and must not run beside one."
  @type work :: :cleanup | :migrate | :roll_back_migrations

  @works %{cleanup: "a cleanup", migrate: "a run of migrations", roll_back_migrations: "a rollback of migrations"}

  @type result :: :ok | {:ok, :restarting} | {:ok, :handed_over} | {:error, Error.t()}

  @doc false
  def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @doc """
  Runs a deployment and waits for its answer.

  A second deployment meanwhile is refused by name. For `opts` see `Bloom.ReleaseManager`.
  """
  @spec run(operation(), String.t(), keyword()) :: result()
  def run(operation, version, opts \\ []) do
    ask({:run, operation, version, opts, Audit.who()}, "#{operation} of release #{version}")
  end

  @doc """
  Runs `fun` with the root while nothing is deployed, in a process of its own, and waits for its answer.

  It is in no journal: what it does must be safe to be left half-way.
  """
  @spec alone(work(), (Root.t() -> answer)) :: answer | {:error, Error.t()} when answer: term()
  def alone(work, fun) when is_map_key(@works, work) do
    Audit.run(Audit.who(), work, [], fn -> ask_alone(work, fun) end)
  end

  defp ask_alone(work, fun) do
    with {:error, error} <- ask({:alone, work, fun}, @works[work]) do
      ErrorLog.write(:warning, "#{@works[work]} failed", error)
      {:error, error}
    end
  end

  defp ask(request, what) do
    GenServer.call(__MODULE__, request, :infinity)
  catch
    :exit, {:noproc, _call} -> {:error, not_started()}
    :exit, {_killed, _call} -> {:error, interrupted(what)}
  end

  @doc "What is going on right now."
  @spec status() :: :idle | Status.t()
  defdelegate status(), to: Status, as: :get

  @doc """
  Stops the deployment in progress and waits until what it did is undone.

  Possible until the release is committed. A switch that is under way ends first and is then taken back; where it replaces
  Bloom itself, that is not waited for.
  """
  @spec cancel() :: :ok | {:error, Error.t()}
  def cancel, do: ask(:cancel, "the deployment")

  @doc "Answers whoever waits for the deployment in progress, before it has ended."
  @spec answer(result()) :: :ok
  def answer(result), do: GenServer.cast(__MODULE__, {:answer, result})

  @doc "Waits until what an earlier life of the VM left is settled; a trial, which takes long, is not waited for."
  @spec await_settled() :: :ok
  def await_settled, do: GenServer.call(__MODULE__, :await_settled, :infinity)

  @doc "Tells that it is settled so far that the start of the node need not wait for the rest."
  @spec settled() :: :ok
  def settled, do: GenServer.cast(__MODULE__, :settled)

  @doc "Waits until no deployment is in progress."
  @spec await_end() :: :ok
  def await_end, do: GenServer.call(__MODULE__, :await_end, :infinity)

  @doc "Returns when the server has answered; one that is being started again is none that hangs."
  @spec await_responsive() :: :ok
  def await_responsive do
    GenServer.call(__MODULE__, :responsive, :infinity)
  catch
    :exit, _not_there -> :ok
  end

  @impl true
  def init(nil) do
    # The driver of a server that was killed goes on, and ends what was begun.
    case Process.whereis(Driver) do
      nil -> {:ok, idle(), {:continue, :recover}}
      driver -> {:ok, %{idle() | ref: Process.monitor(driver)}}
    end
  end

  @impl true
  def handle_continue(:recover, state), do: {:noreply, recover(state)}

  @impl true
  def handle_call({:run, operation, version, opts, requested_by}, from, %{ref: nil} = state) do
    case Native.cancel_token() do
      {:ok, token} ->
        Status.begin(operation, version, token)
        watch = %{progress: {self(), make_ref()}, cancel: token}
        {:noreply, drive(%{state | from: from}, fn -> Driver.walk(operation, version, opts, requested_by, watch) end)}

      {:error, error} ->
        {:reply, {:error, error}, state}
    end
  end

  def handle_call({:alone, operation, fun}, from, %{ref: nil} = state) do
    Status.begin(operation, nil, nil)
    {:noreply, drive(%{state | from: from}, fn -> Driver.alone(operation, fun) end)}
  end

  def handle_call(request, _from, state) when elem(request, 0) in [:run, :alone] do
    {:reply, {:error, in_progress()}, state}
  end

  def handle_call(:responsive, _from, state), do: {:reply, :ok, state}

  def handle_call(:await_settled, _from, %{recovering: false} = state), do: {:reply, :ok, state}
  def handle_call(:await_end, _from, %{ref: nil} = state), do: {:reply, :ok, state}

  def handle_call(await, from, state) when await in [:await_settled, :await_end] do
    {:noreply, %{state | waiters: [{await, from} | state.waiters]}}
  end

  def handle_call(:cancel, _from, %{ref: nil} = state) do
    {:reply, {:error, nothing_to_cancel()}, state}
  end

  def handle_call(:cancel, from, state) do
    case Status.get() do
      %{stage: stage} when stage in @not_cancellable ->
        {:reply, {:error, not_cancellable(Status.get())}, state}

      _cancellable ->
        if token = Status.cancel(), do: Native.cancel(token)
        if driver = Process.whereis(Driver), do: send(driver, :bloom_cancel)
        {:noreply, %{state | cancellers: [from | state.cancellers]}}
    end
  end

  @impl true
  def handle_cast({:answer, result}, state), do: {:noreply, answer_caller(state, result)}

  def handle_cast(:settled, state) do
    {settled, waiters} = Enum.split_with(state.waiters, &match?({:await_settled, _from}, &1))
    for {_await, from} <- settled, do: GenServer.reply(from, :ok)
    {:noreply, %{state | waiters: waiters, recovering: false}}
  end

  @impl true
  def handle_info({:bloom_progress, _ref, done, total}, state) do
    Status.progress(done, total)
    {:noreply, state}
  end

  def handle_info({:DOWN, ref, :process, _driver, reason}, %{ref: ref} = state) do
    case reason do
      {:done, :handover} -> {:noreply, recover(handed_over(state))}
      {:done, result} -> {:noreply, ended(%{state | attempts: 0}, result)}
      # The driver of a server before this one was not known to have ended.
      :noproc -> {:noreply, recover(%{state | ref: nil})}
      killed -> {:noreply, recover(lost(state, killed))}
    end
  end

  def handle_info(_unexpected, state), do: {:noreply, state}

  defp idle, do: %{ref: nil, from: nil, cancellers: [], waiters: [], recovering: false, attempts: 0}

  defp lost(state, reason) do
    Logger.error("Bloom: the process that walked a deployment ended (#{Exception.format_exit(reason)})")
    Report.lost(reason)
    %{state | ref: nil, attempts: state.attempts + 1}
  end

  # Who waits does so in Bloom's old code, and would be in the way of a switch back.
  defp handed_over(state) do
    for canceller <- state.cancellers, do: GenServer.reply(canceller, {:error, taken_back_later()})
    answer_caller(%{state | ref: nil, cancellers: []}, {:ok, :handed_over})
  end

  defp ended(state, result) do
    Status.clear()
    for canceller <- state.cancellers, do: GenServer.reply(canceller, cancelled(result))
    for {_await, from} <- state.waiters, do: GenServer.reply(from, :ok)
    answer_caller(%{state | ref: nil, cancellers: [], waiters: [], recovering: false}, result)
  end

  defp answer_caller(%{from: nil} = state, _result), do: state

  defp answer_caller(%{from: from} = state, result) do
    GenServer.reply(from, result)
    %{state | from: nil}
  end

  defp cancelled({:error, %Error{code: :cancelled}}), do: :ok
  defp cancelled({:error, error}), do: {:error, error}
  defp cancelled(_too_late), do: {:error, Error.new(:not_cancellable, "it had ended already; roll back instead")}

  defp recover(%{attempts: attempts} = state) when attempts > @attempts do
    ended(state, {:error, Error.new(:not_settled, "what the deployment left could not be settled: restart the node")})
  end

  defp recover(state) do
    case Recovery.unfinished() do
      {:ok, {context, journal}} ->
        Status.take_over(context.operation, context.version)
        unfinished = {heed_cancel(context), journal}
        drive(%{state | recovering: not Recovery.goes_on?(unfinished)}, fn -> Recovery.settle(unfinished) end)

      {:error, error} ->
        ErrorLog.write(:error, "no deployment is let in", error)
        ended(state, {:error, error})

      {:ok, nil} ->
        ended(%{state | attempts: 0}, Recovery.came_of(Status.remembered(:deployment)))
    end
  end

  # Nobody but this server may have come to know of it.
  defp heed_cancel(context),
    do: if(Status.cancelled?(), do: Context.put_facts(context, %{cancelled: true}), else: context)

  defp drive(state, fun), do: %{state | ref: Driver.start(fun)}

  defp in_progress do
    %{stage: stage} = status = Status.get()
    left = if ms = status.probation_left_ms, do: ", #{div(ms + 999, 1000)} s left", else: ""

    Error.new(:deployment_in_progress, "#{what(status)} is in progress (#{stage}#{left})",
      suggestions: ["wait for it to end, see Bloom.status(), or stop it with Bloom.cancel()"]
    )
  end

  defp what(%{operation: work}) when is_map_key(@works, work), do: @works[work]
  defp what(%{operation: operation, version: version}), do: "#{operation} of release #{version}"

  defp not_cancellable(%{stage: stage} = status) do
    message = "#{what(status)} cannot be cancelled any more (#{stage})"
    Error.new(:not_cancellable, message, suggestions: ["let it end, then roll back"])
  end

  defp taken_back_later do
    Error.new(:settling, "#{what(Status.get())} has replaced Bloom itself, whose new code takes it back",
      suggestions: ["see Bloom.status() and Bloom.Metadata.get_deployment_history() for what comes of it"]
    )
  end

  @doc "Bloom is not running."
  @spec not_started() :: Error.t()
  def not_started do
    Error.new(:not_started, "Bloom is not running",
      suggestions: ["start the :bloom application, or add Bloom.Application to your supervision tree"]
    )
  end

  defp nothing_to_cancel do
    Error.new(:nothing_to_cancel, "no deployment is in progress",
      suggestions: ["go back by a rollback, where that is what was wanted"]
    )
  end

  defp interrupted(what) do
    Error.new(:interrupted, "#{what} lost its server and goes on without an answer",
      suggestions: ["see Bloom.status() and Bloom.Metadata.get_deployment_history()"]
    )
  end
end
