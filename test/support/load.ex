defmodule Bloom.Test.Load do
  @moduledoc """
  HTTP load on a node, with an account of every request.

  Half of the workers keep their connection, the others open one for each request. Each waters a bed of its own
  again and again and compares the count that comes back with its own, so a lost request, a lost state and a
  request that counted twice are all seen.
  """

  alias Bloom.Test.HTTP

  @pause_ms 2

  @typedoc "Latencies in milliseconds; `watered` is how many requests were acknowledged."
  @type result :: %{
          requests: non_neg_integer(),
          failed: non_neg_integer(),
          failures: [term()],
          watered: non_neg_integer(),
          p50_ms: float(),
          p99_ms: float(),
          max_ms: float()
        }

  @doc "Starts the load; `:workers` says how many connections there are at a time."
  @spec start(:inet.port_number(), workers: pos_integer()) :: [Task.t()]
  def start(port, opts \\ []) do
    run = System.unique_integer([:positive])

    for worker <- 1..Keyword.get(opts, :workers, 8) do
      Task.async(fn ->
        work(%{port: port, keep?: rem(worker, 2) == 0, bed: "#{run}-#{worker}", count: 0}, nil, [], [])
      end)
    end
  end

  @doc "Stops the load and returns the account."
  @spec stop([Task.t()]) :: result()
  def stop(tasks) do
    for task <- tasks, do: send(task.pid, :stop)
    {latencies, failures} = tasks |> Task.await_many(60_000) |> Enum.unzip()
    failures = Enum.concat(failures)
    sorted = latencies |> Enum.concat() |> Enum.sort() |> List.to_tuple()
    answered = tuple_size(sorted)

    %{
      requests: answered + length(failures),
      failed: length(failures),
      failures: Enum.take(failures, 5),
      watered: answered,
      p50_ms: quantile(sorted, 0.5),
      p99_ms: quantile(sorted, 0.99),
      max_ms: quantile(sorted, 1.0)
    }
  end

  @doc "Runs the load for as long as `fun` takes."
  @spec during(:inet.port_number(), (() -> value)) :: {value, result()} when value: term()
  def during(port, fun) do
    load = start(port)
    value = fun.()
    {value, stop(load)}
  end

  defp work(worker, socket, latencies, failures) do
    receive do
      :stop -> {latencies, failures}
    after
      @pause_ms ->
        started = System.monotonic_time(:microsecond)
        expected = Integer.to_string(worker.count + 1)

        case water(worker, socket) do
          {{:ok, 200, ^expected}, socket} ->
            latency = System.monotonic_time(:microsecond) - started
            work(%{worker | count: worker.count + 1}, socket, [latency | latencies], failures)

          {other, _socket} ->
            work(worker, nil, latencies, [other | failures])
        end
    end
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
