defmodule Bloom.UpgradeCase.Probe do
  @moduledoc """
  Asks a node the same thing again and again while something happens to it.

  A probe is a function of the node. It passes with `:ok`, `true` or `{:ok, term}`; whatever else it answers, and whatever
  it raises, is a failure.
  """

  alias Bloom.UpgradeCase.Node

  @pause_ms 2

  @type t :: (Node.t() -> :ok | true | {:ok, term()} | term())
  @type result :: %{calls: non_neg_integer(), failed: non_neg_integer(), failures: [term()], longest_ms: float()}

  @doc "Runs `fun`, and a probe meanwhile, in as many processes as `workers` says. The first five failures are shown."
  @spec during(Node.t(), t() | nil, pos_integer(), (() -> value)) :: {value, result()} when value: term()
  def during(_node, nil, _workers, fun), do: {fun.(), summary([])}

  def during(node, probe, workers, fun) do
    tasks = for _worker <- 1..workers, do: Task.async(fn -> repeat(node, probe, []) end)
    value = fun.()
    for task <- tasks, do: send(task.pid, :stop)
    {value, tasks |> Task.await_many(:infinity) |> Enum.concat() |> summary()}
  end

  defp repeat(node, probe, answers) do
    receive do
      :stop -> answers
    after
      @pause_ms -> repeat(node, probe, [ask(node, probe) | answers])
    end
  end

  defp ask(node, probe) do
    started = System.monotonic_time(:microsecond)
    answer = answer(node, probe)
    {answer, System.monotonic_time(:microsecond) - started}
  end

  defp answer(node, probe) do
    case probe.(node) do
      good when good in [:ok, true] -> :ok
      {:ok, _value} -> :ok
      other -> {:failed, other}
    end
  rescue
    error -> {:failed, error}
  catch
    kind, reason -> {:failed, {kind, reason}}
  end

  defp summary(answers) do
    failures = for {{:failed, what}, _took} <- Enum.reverse(answers), do: what
    longest = answers |> Enum.map(&elem(&1, 1)) |> Enum.max(fn -> 0 end)

    %{
      calls: length(answers),
      failed: length(failures),
      failures: Enum.take(failures, 5),
      longest_ms: longest / 1000
    }
  end
end
