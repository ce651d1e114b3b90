defmodule Bloom.Test.Load do
  @moduledoc """
  HTTP load on a node, with an account of every request.

  Half of the workers keep their connection, the others open one for each request. Each waters a bed of its own
  again and again and compares the count that comes back with its own, so a lost request, a lost state and a
  request that counted twice are all seen.

  Where the node is expected to start again, `restarts: true` takes a count that begins anew for what it is: state that
  was lost, not a failed request.
  """

  alias Bloom.Test.HTTP

  @pause_ms 2

  @typedoc """
  Latencies in milliseconds; `watered` is how many requests were acknowledged, `kept` how many of them the node should
  still know of, `silence_ms` the longest time in which nobody got an answer.
  """
  @type result :: %{
          requests: non_neg_integer(),
          failed: non_neg_integer(),
          failures: [term()],
          watered: non_neg_integer(),
          kept: non_neg_integer(),
          silence_ms: float(),
          p50_ms: float(),
          p99_ms: float(),
          max_ms: float()
        }

  @doc "Starts the load; `:workers` says how many connections there are at a time, `:restarts` whether the node may."
  @spec start(:inet.port_number(), workers: pos_integer(), restarts: boolean()) :: [Task.t()]
  def start(port, opts \\ []) do
    run = System.unique_integer([:positive])
    restarts = Keyword.get(opts, :restarts, false)

    for worker <- 1..Keyword.get(opts, :workers, 8) do
      Task.async(fn ->
        work(
          %{port: port, keep?: rem(worker, 2) == 0, bed: "#{run}-#{worker}", count: 0, restarts: restarts},
          nil,
          [],
          []
        )
      end)
    end
  end

  @doc "Stops the load and returns the account."
  @spec stop([Task.t()]) :: result()
  def stop(tasks) do
    for task <- tasks, do: send(task.pid, :stop)
    accounts = Task.await_many(tasks, 60_000)
    failures = Enum.flat_map(accounts, & &1.failures)
    answers = Enum.flat_map(accounts, & &1.answers)
    sorted = answers |> Enum.map(&elem(&1, 1)) |> Enum.sort() |> List.to_tuple()
    answered = tuple_size(sorted)

    %{
      requests: answered + length(failures),
      failed: length(failures),
      failures: Enum.take(failures, 5),
      watered: answered,
      kept: Enum.sum(Enum.map(accounts, & &1.count)),
      silence_ms: silence(answers),
      p50_ms: quantile(sorted, 0.5),
      p99_ms: quantile(sorted, 0.99),
      max_ms: quantile(sorted, 1.0)
    }
  end

  @doc "Runs the load for as long as `fun` takes."
  @spec during(:inet.port_number(), (() -> value), keyword()) :: {value, result()} when value: term()
  def during(port, fun, opts \\ []) do
    load = start(port, opts)
    value = fun.()
    {value, stop(load)}
  end

  # Answers are {when it came, how long it took}, in microseconds.
  defp work(worker, socket, answers, failures) do
    receive do
      # Its count is of the last life of the node only when it has had an answer there.
      :stop when worker.restarts -> worker |> once(nil, answers, failures) |> account()
      :stop -> account({worker, socket, answers, failures})
    after
      @pause_ms ->
        {worker, socket, answers, failures} = once(worker, socket, answers, failures)
        work(worker, socket, answers, failures)
    end
  end

  defp account({worker, _socket, answers, failures}), do: %{answers: answers, failures: failures, count: worker.count}

  defp once(worker, socket, answers, failures) do
    started = now()
    {answer, socket} = water(worker, socket)

    case count(worker, answer) do
      {:ok, count} -> {%{worker | count: count}, socket, [{now(), now() - started} | answers], failures}
      :error -> {worker, nil, answers, [answer | failures]}
    end
  end

  defp count(%{count: count, restarts: restarts}, {:ok, 200, body}) do
    case Integer.parse(body) do
      {next, ""} when next == count + 1 or (restarts and next == 1) -> {:ok, next}
      _other -> :error
    end
  end

  defp count(_worker, _failure), do: :error

  defp now, do: System.monotonic_time(:microsecond)

  defp silence(answers) do
    times = answers |> Enum.map(&elem(&1, 0)) |> Enum.sort()
    gaps = Enum.zip_with(times, Enum.drop(times, 1), fn earlier, later -> later - earlier end)
    Enum.max(gaps, fn -> 0 end) / 1000
  end

  defp water(%{keep?: false} = worker, nil), do: {HTTP.get(worker.port, path(worker)), nil}

  defp water(worker, nil) do
    case HTTP.connect(worker.port) do
      {:ok, socket} -> water(worker, socket)
      error -> {error, nil}
    end
  end

  defp water(worker, socket), do: {HTTP.request(socket, path(worker)), socket}

  defp path(worker), do: "/water?bed=#{worker.bed}"

  defp quantile({}, _share), do: 0.0
  defp quantile(sorted, share), do: elem(sorted, max(ceil(share * tuple_size(sorted)) - 1, 0)) / 1000
end
