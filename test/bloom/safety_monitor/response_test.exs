defmodule Bloom.SafetyMonitor.ResponseTest do
  use ExUnit.Case, async: false

  alias Bloom.SafetyMonitor.Response

  setup do
    on_exit(fn -> Application.delete_env(:bloom, :response_probes) end)
  end

  defp configure(probes), do: Application.put_env(:bloom, :response_probes, probes)

  def quick, do: :ok
  def hang, do: receive(do: (:never -> :ok))

  defp take_answer(response, most \\ 10) do
    assert_receive {:DOWN, monitor, :process, _pid, reason}, 5000
    {:ok, response} = Response.answered(response, monitor, reason, most)
    response
  end

  test "keeps the latest answers of each probe, newest first" do
    configure(a: {__MODULE__, :quick, []}, b: {__MODULE__, :no_such_function, []})
    response = for(second <- 1..3, reduce: Response.new(), do: (response -> ask(response, second)))

    assert %{"a" => [%{at: 3, ms: ms, error: nil}, %{at: 2}], "b" => [%{at: 3, ms: nil, error: error}, %{at: 2}]} =
             Response.answers(response, 1000)

    assert is_float(ms) and error =~ "UndefinedFunctionError"
    assert response.asked == %{}
  end

  test "takes what is late for an answer, and leaves it there until it comes" do
    configure(a: {__MODULE__, :hang, []})
    response = Response.ask(Response.new(), 7)
    assert %{"a" => []} = Response.answers(response, 60_000)
    assert %{"a" => [%{at: 7, ms: ms, error: nil}]} = Response.answers(response, -1)
    assert is_float(ms)
  end

  test "forgets probes that the configuration forgot" do
    configure(a: {__MODULE__, :quick, []})
    response = Response.new() |> Response.ask(1) |> take_answer()
    configure(c: {__MODULE__, :quick, []})
    assert Response.answers(response, 1000) == %{"c" => []}
  end

  test "a process that asks and dies has failed; others are none of its business" do
    configure(a: {__MODULE__, :quick, []})
    response = Response.ask(Response.new(), 1)
    [monitor] = Map.keys(response.asked)
    assert :error = Response.answered(response, make_ref(), :killed, 10)
    {:ok, response} = Response.answered(response, monitor, :killed, 10)
    assert %{"a" => [%{ms: nil, error: "it exited: killed"}]} = Response.answers(response, 1000)
  end

  test "of a probe that hangs, only so many are asked at a time, and others go on" do
    configure(hangs: {__MODULE__, :hang, []})
    hanging = for second <- 1..7, reduce: Response.new(), do: (response -> Response.ask(response, second))
    assert hanging.asked |> Map.values() |> Enum.map(& &1.at) |> Enum.sort() == [1, 2, 3, 4, 5]

    configure(hangs: {__MODULE__, :hang, []}, quick: {__MODULE__, :quick, []})
    assert %{"quick" => [%{at: 8}]} = hanging |> Response.ask(8) |> take_answer() |> Response.answers(60_000)
  end

  defp ask(response, second), do: response |> Response.ask(second) |> take_answer(2) |> take_answer(2)
end
