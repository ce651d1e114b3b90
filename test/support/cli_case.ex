defmodule Bloom.Test.CLICase do
  @moduledoc "A test case of commands against a node that answers as it is told to."

  use ExUnit.CaseTemplate

  alias Bloom.CLI
  alias Bloom.CLI.{Output, Remote}

  using do
    quote do
      import Bloom.Test.CLICase
    end
  end

  setup do
    Process.put(:gate, spawn_link(&gate/0))
    :ok
  end

  @doc "A deployment of the history that has not ended."
  def unfinished do
    %{
      id: 7,
      operation: :switch,
      version: "1.1.0",
      from_version: "1.0.0",
      outcome: nil,
      reason: nil,
      started_at: "2026-01-02T03:04:05.678Z",
      steps: []
    }
  end

  @doc "The status of it."
  def probation do
    %{
      operation: :switch,
      version: "1.1.0",
      stage: :probation,
      progress: nil,
      elapsed_ms: 1,
      probation_left_ms: 5
    }
  end

  @doc """
  Runs what was typed. `answers` has an answer for each operation, or a function of its arguments. Of a list of answers in
  a tuple `{:each, _}` each call takes the next, and the last stays.
  """
  def run(typed, answers, fields \\ []) do
    {:ok, device} = StringIO.open("")
    {:ok, errors} = StringIO.open("")
    output = struct!(%Output{device: device, errors: errors}, fields)
    {:ok, left} = Agent.start_link(fn -> answers end)
    test = self()

    ask = fn operation, arguments ->
      send(test, {:asked, operation, arguments})

      case Agent.get_and_update(left, &next(&1, operation)) do
        answer when is_function(answer) -> answer.(arguments)
        answer -> answer
      end
    end

    meaning = CLI.run(typed, output, fn -> {:ok, %Remote{node: node(), ask: ask}} end)
    {meaning, device |> StringIO.contents() |> elem(1), errors |> StringIO.contents() |> elem(1)}
  end

  defp next(answers, operation) do
    case Map.fetch!(answers, operation) do
      {:each, [last]} -> {last, answers}
      {:each, [first | rest]} -> {first, %{answers | operation => {:each, rest}}}
      answer -> {answer, answers}
    end
  end

  @doc "Tells events to whoever follows, and lets the answer come that `when_told/1` holds back."
  def follow(events) do
    gate = Process.get(:gate)

    fn [pid] ->
      for event <- events, do: send(pid, {:bloom_follow, event})
      send(gate, :told)
      :ok
    end
  end

  @doc "An event of what is followed."
  def progress(fields), do: probation() |> Map.put(:event, :progress) |> Map.merge(Map.new(fields))

  @doc "A deployment of the history that has ended."
  def ended(fields), do: Map.merge(%{unfinished() | id: 8, outcome: :committed}, Map.new(fields))

  @doc "An answer that comes when all that is followed has been told."
  def when_told(answer) do
    gate = Process.get(:gate)

    fn _arguments ->
      send(gate, {:may_i, self()})
      receive(do: (:yes -> answer))
    end
  end

  defp gate do
    receive(do: (:told -> receive(do: ({:may_i, pid} -> send(pid, :yes)))))
    gate()
  end
end
