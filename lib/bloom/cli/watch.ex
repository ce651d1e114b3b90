defmodule Bloom.CLI.Watch do
  @moduledoc """
  Watches a deployment from outside to its end, over restarts of the node, and finds out what came of it.

  The connection may go away at any moment and come back with another release: what counts is what the journal of the
  node says then.
  """

  alias Bloom.CLI.{Output, Remote, Session, Words}

  # Between two looks at a node that is away, or has not yet begun what it was asked for.
  @again_ms 300

  # What is refused at once is answered by then, and what is in progress instead is not told as if it were this.
  @first_ms 100

  @typedoc """
  What is watched. `since` is the deployment that was the latest before it; with `no_wait` it is watched to the beginning
  of its probation only.
  """
  @type subject :: %{
          required(:operation) => atom(),
          required(:version) => String.t() | nil,
          required(:since) => non_neg_integer(),
          optional(:no_wait) => boolean()
        }

  @type result :: {:ended, Remote.answer(), map() | nil} | :interrupted

  @doc "Asks the node for something that is a deployment and watches it to its end."
  @spec run(Session.t(), subject(), [term()]) :: result()
  def run(session, subject, arguments) do
    caller = fn -> exit({:answer, Remote.call(session.remote, subject.operation, arguments)}) end
    session |> begin(subject) |> Map.put(:call, spawn_monitor(caller)) |> later(@first_ms)
  end

  @doc "Watches what is in progress to its end."
  @spec join(Session.t(), subject()) :: result()
  def join(session, subject), do: session |> begin(subject) |> follow()

  defp begin(session, subject) do
    monitor(session.remote.node)
    %{session: session, subject: subject, call: nil, stage: nil, deadline: nil}
  end

  defp monitor(node), do: if(node != node(), do: Node.monitor(node, true))

  defp follow(state) do
    case Remote.call(state.session.remote, :follow, [self()]) do
      :ok -> watch(state)
      {:error, error} -> if Remote.away?(error), do: away(state), else: unwatched(state, error)
    end
  end

  defp told(state, answer) do
    case found(state) do
      {:ok, deployment} -> {:ended, answer, deployment}
      {:error, _not_to_be_had} -> {:ended, answer, nil}
    end
  end

  # Who may deploy and not follow is answered all the same.
  defp unwatched(%{call: nil}, error), do: {:ended, {:error, error}, nil}
  defp unwatched(state, _error), do: watch(state)

  defp watch(%{call: call} = state) do
    node = state.session.remote.node

    receive do
      {:bloom_follow, %{event: :progress} = progress} -> state |> tell(progress) |> enough_or_on(progress)
      {:bloom_follow, _idle_or_ended} -> if call, do: later(state), else: settled(state)
      :bloom_follow_again -> follow(state)
      {:DOWN, _ref, :process, pid, reason} when is_tuple(call) and pid == elem(call, 0) -> answered(state, reason)
      {:nodedown, ^node} -> away(state)
      :bloom_interrupted -> :interrupted
    end
  end

  # The answer says it where there is one. A node that restarted or handed over has none to give.
  defp enough_or_on(%{call: nil, subject: %{no_wait: true} = subject} = state, %{stage: :probation} = progress)
       when progress.probation_left_ms != nil and progress.operation == subject.operation and
              subject.version in [nil, progress.version],
       do: told(state, :ok)

  defp enough_or_on(state, _progress), do: watch(state)

  defp later(state, ms \\ @again_ms) do
    Process.send_after(self(), :bloom_follow_again, ms)
    watch(state)
  end

  defp answered(state, {:answer, answer}) do
    state = %{state | call: nil}

    case answer do
      {:ok, :restarting} -> watch(state)
      {:ok, :handed_over} -> follow(state)
      {:error, %{code: :interrupted}} -> follow(state)
      {:error, error} -> if Remote.away?(error), do: away(state), else: told(state, answer)
      answer -> told(state, answer)
    end
  end

  defp answered(state, crash), do: {:ended, {:error, Remote.broken(state.session.remote.node, crash)}, nil}

  defp away(state) do
    if state.call, do: Process.demonitor(elem(state.call, 1), [:flush])
    %{output: output, remote: remote} = state.session
    Output.event(output, %{event: :away}, [{:yellow, "#{remote.node} is away, as in a restart; waiting for it"}])
    state |> Map.put(:call, nil) |> Map.put(:stage, nil) |> bounded() |> await()
  end

  # From the first time that the node was away, unless something was heard of it since.
  defp bounded(%{deadline: nil} = state), do: %{state | deadline: now() + state.session.timeout_ms}
  defp bounded(state), do: state

  defp await(%{session: %{remote: remote, output: output}} = state) do
    case Remote.call(remote, :status) do
      {:ok, _status} ->
        Output.event(output, %{event: :back}, [{:yellow, "#{remote.node} is back"}])
        forget_nodedown(remote.node)
        monitor(remote.node)
        follow(state)

      {:error, error} ->
        cond do
          not Remote.away?(error) -> {:ended, {:error, error}, nil}
          now() > state.deadline -> {:ended, {:error, Remote.unreachable(remote.node)}, nil}
          true -> await_again(state)
        end
    end
  end

  defp await_again(state) do
    receive do
      :bloom_interrupted -> :interrupted
    after
      @again_ms -> await(state)
    end
  end

  defp forget_nodedown(node) do
    receive do
      {:nodedown, ^node} -> forget_nodedown(node)
    after
      0 -> :ok
    end
  end

  # A node that starts may not yet have begun to settle what it finds.
  defp settled(state) do
    state = bounded(state)

    case found(state) do
      {:ok, %{outcome: outcome} = deployment} when outcome != nil -> {:ended, {:ok, :ended}, deployment}
      {:ok, nil} when state.subject.version == nil and state.subject.operation != :rollback -> {:ended, :ok, nil}
      _not_yet -> if now() > state.deadline, do: lost(state), else: later(state)
    end
  end

  defp lost(%{session: %{remote: remote}}) do
    message = "the journal of #{remote.node} does not say what came of it"
    {:ended, {:error, %{code: :unknown_outcome, message: message, suggestions: ["see bin/bloom status"]}}, nil}
  end

  defp found(%{session: session, subject: subject}) do
    with {:ok, history} <- Remote.call(session.remote, :history), do: {:ok, find(history, subject)}
  end

  # A rollback of what is on probation ends that deployment, and is none of its own.
  defp find(history, %{operation: :rollback, since: since}), do: Enum.find(history, &(&1.id > since))

  defp find(history, %{operation: operation, version: version, since: since}) do
    Enum.find(history, &(&1.id > since and &1.operation == operation and &1.version == version))
  end

  defp tell(state, progress) do
    output = state.session.output
    text = Words.progress(progress)
    stage = {progress.operation, progress.version, Words.stage(progress)}
    if stage == state.stage, do: Output.progress(output, progress, text), else: Output.event(output, progress, [text])
    %{state | stage: stage, deadline: nil}
  end

  defp now, do: System.monotonic_time(:millisecond)
end
