defmodule Bloom.Test.HTTP do
  @moduledoc "HTTP requests to loopback, on connections that are kept open or not."

  @timeout_ms 30_000

  @doc "One request on a connection of its own."
  @spec get(:inet.port_number(), String.t()) :: {:ok, 100..599, binary()} | {:error, term()}
  def get(port, path) do
    with {:ok, socket} <- connect(port) do
      answer = request(socket, path, "close")
      :gen_tcp.close(socket)
      answer
    end
  end

  @doc "Opens a connection."
  @spec connect(:inet.port_number()) :: {:ok, :gen_tcp.socket()} | {:error, term()}
  def connect(port) do
    :gen_tcp.connect({127, 0, 0, 1}, port, [:binary, active: false, packet: :http_bin, nodelay: true], @timeout_ms)
  end

  @doc "A request on an open connection."
  @spec request(:gen_tcp.socket(), String.t(), String.t()) :: {:ok, 100..599, binary()} | {:error, term()}
  def request(socket, path, connection \\ "keep-alive") do
    request = ["GET ", path, " HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: ", connection, "\r\n\r\n"]

    with :ok <- :gen_tcp.send(socket, request),
         {:ok, {:http_response, _version, status, _reason}} <- :gen_tcp.recv(socket, 0, @timeout_ms),
         {:ok, length} <- content_length(socket, 0),
         :ok <- :inet.setopts(socket, packet: :raw),
         {:ok, body} <- body(socket, length),
         :ok <- :inet.setopts(socket, packet: :http_bin) do
      {:ok, status, body}
    else
      {:ok, unexpected} -> {:error, {:unexpected, unexpected}}
      {:error, reason} -> {:error, reason}
    end
  end

  defp content_length(socket, length) do
    case :gen_tcp.recv(socket, 0, @timeout_ms) do
      {:ok, {:http_header, _, :"Content-Length", _, value}} -> content_length(socket, String.to_integer(value))
      {:ok, {:http_header, _, _name, _, _value}} -> content_length(socket, length)
      {:ok, :http_eoh} -> {:ok, length}
      {:ok, other} -> {:error, {:unexpected, other}}
      {:error, reason} -> {:error, reason}
    end
  end

  defp body(_socket, 0), do: {:ok, ""}
  defp body(socket, length), do: :gen_tcp.recv(socket, length, @timeout_ms)
end
