defmodule Bloom.SafetyMonitor.ProbeTest do
  use ExUnit.Case, async: true

  alias Bloom.SafetyMonitor.{Probe, URL}

  doctest Probe
  doctest URL

  def answer(value), do: value
  def crash, do: raise("boom")
  def hang, do: receive(do: (:never -> :ok))

  # Answers one connection as it is told.
  defp serve(answer, address \\ {127, 0, 0, 1}) do
    {:ok, listen} = :gen_tcp.listen(0, [:binary, ip: address, active: false, packet: :raw])
    {:ok, port} = :inet.port(listen)

    server =
      Task.async(fn ->
        {:ok, socket} = :gen_tcp.accept(listen)
        {:ok, request} = :gen_tcp.recv(socket, 0)

        case answer do
          :close -> :gen_tcp.close(socket)
          :hang -> :gen_tcp.recv(socket, 0)
          text -> :gen_tcp.send(socket, text)
        end

        {request, :gen_tcp.recv(socket, 0)}
      end)

    {port, server}
  end

  describe "a function" do
    test "that answers has a time" do
      for value <- [:ok, true, nil, {:ok, 1}, "text"] do
        assert {:ok, ms} = Probe.run({__MODULE__, :answer, [value]}, 5000)
        assert is_float(ms) and ms >= 0
      end
    end

    test "that fails says why" do
      assert {:error, "it answered false"} = Probe.run({__MODULE__, :answer, [false]}, 5000)
      assert {:error, "it answered error"} = Probe.run({__MODULE__, :answer, [:error]}, 5000)
      assert {:error, "it answered an error: dry"} = Probe.run({__MODULE__, :answer, [{:error, :dry}]}, 5000)
      assert {:error, "it raised RuntimeError: boom" <> _place} = Probe.run({__MODULE__, :crash, []}, 5000)
      assert {:error, "it did not answer in 20 ms"} = Probe.run({__MODULE__, :hang, []}, 20)
    end
  end

  describe "a URL" do
    test "that answers has a time, and was asked in HTTP" do
      {port, server} = serve("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
      assert {:ok, _ms} = Probe.run("http://127.0.0.1:#{port}/health?deep=1", 5000)
      {request, _closed} = Task.await(server)
      assert request =~ "GET /health?deep=1 HTTP/1.1\r\nhost: 127.0.0.1:#{port}\r\n"
    end

    test "that answers with an error, something else or nothing has failed" do
      for {answer, words} <- [
            {"HTTP/1.1 503 Service Unavailable\r\n\r\n", "it answered 503 Service Unavailable"},
            {"HTTP/1.1 404 Not Found\r\n\r\n", "it answered 404 Not Found"},
            {"SSH-2.0-OpenSSH\r\n", "it did not answer with HTTP"},
            {:close, "no answer: the connection was closed"}
          ] do
        {port, server} = serve(answer)
        assert {:error, ^words} = Probe.run("http://localhost:#{port}/", 5000)
        Task.await(server)
      end
    end

    test "that hangs has failed in time, and its connection is closed" do
      {port, server} = serve(:hang)
      assert {:error, why} = Probe.run("http://127.0.0.1:#{port}", 1500)
      assert why in ["it did not answer in 1500 ms", "no answer: time is up"]
      assert {_request, {:error, gone}} = Task.await(server, 30_000)
      assert gone in [:closed, :enotconn]
    end

    test "where nobody listens has failed" do
      {:ok, listen} = :gen_tcp.listen(0, ip: {127, 0, 0, 1})
      {:ok, port} = :inet.port(listen)
      :gen_tcp.close(listen)
      assert {:error, why} = Probe.run("http://127.0.0.1:#{port}/", 5000)
      assert why == "cannot connect to http://127.0.0.1:#{port}/: connection refused"
    end

    test "is this node's loopback and plain HTTP, or refused" do
      for url <- ~w(http://127.0.0.1:4000/health http://127.9.9.9 http://localhost/ http://[::1]:4000/x) do
        assert Probe.entries?(probe: url)
      end

      for url <- ~w(https://127.0.0.1/ http://example.org/ http://0.0.0.0/ http://10.0.0.1/ http://[::2]/
                    http://127.0.0.1.example.org/ http://user@127.0.0.1/ http://2130706433/ /health file:///etc/passwd) do
        refute Probe.entries?(probe: url), url
      end

      refute Probe.entries?(probe: "http://127.0.0.1/a\r\nhost: b")
    end
  end
end
