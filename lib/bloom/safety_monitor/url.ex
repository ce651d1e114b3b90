defmodule Bloom.SafetyMonitor.URL do
  @moduledoc "Asks a URL on this node's loopback, with nothing but `:gen_tcp`."

  @enforce_keys [:address, :host, :port, :path]
  defstruct [:address, :host, :port, :path]

  @type t :: %__MODULE__{
          address: :inet.ip_address(),
          host: String.t(),
          port: :inet.port_number(),
          path: String.t()
        }

  @doc """
  The parts of a URL, if it is plain HTTP to this node's loopback.

      iex> {:ok, url} = Bloom.SafetyMonitor.URL.parse("http://localhost:4000/health?deep=1")
      iex> {url.address, url.port, url.path}
      {{127, 0, 0, 1}, 4000, "/health?deep=1"}
      iex> Bloom.SafetyMonitor.URL.parse("http://10.0.0.1/")
      :error
  """
  @spec parse(String.t()) :: {:ok, t()} | :error
  def parse(url) do
    with {:ok, %URI{scheme: "http", host: host, port: port, userinfo: nil} = uri} when is_binary(host) <- URI.new(url),
         {:ok, address} <- loopback(host) do
      path = if uri.query, do: "#{uri.path || "/"}?#{uri.query}", else: uri.path || "/"
      {:ok, %__MODULE__{address: address, host: host, port: port, path: path}}
    else
      _other -> :error
    end
  end

  @doc "Asks it, and reads until the status line is there."
  @spec get(String.t(), pos_integer()) :: :ok | {:error, String.t()}
  def get(url, timeout) do
    {:ok, %__MODULE__{} = parsed} = parse(url)

    case :gen_tcp.connect(parsed.address, parsed.port, [:binary, active: false, packet: :http_bin], timeout) do
      {:ok, socket} -> ask(socket, parsed, timeout)
      {:error, reason} -> {:error, "cannot connect to #{url}: #{why(reason)}"}
    end
  end

  defp ask(socket, url, timeout) do
    # The socket closes with the process that asks.
    with :ok <- :gen_tcp.send(socket, request(url)), {:ok, answer} <- :gen_tcp.recv(socket, 0, timeout) do
      case answer do
        {:http_response, _version, status, _text} when status < 400 -> :ok
        {:http_response, _version, status, text} -> {:error, "it answered #{status} #{text}"}
        _other -> {:error, "it did not answer with HTTP"}
      end
    else
      {:error, reason} -> {:error, "no answer: #{why(reason)}"}
    end
  end

  defp why(:closed), do: "the connection was closed"
  defp why(:timeout), do: "time is up"
  defp why(reason), do: to_string(:inet.format_error(reason))

  defp request(url) do
    "GET #{url.path} HTTP/1.1\r\nhost: #{host(url)}:#{url.port}\r\nuser-agent: bloom\r\nconnection: close\r\n\r\n"
  end

  defp host(%__MODULE__{address: address, host: host}) when tuple_size(address) == 8, do: "[#{host}]"
  defp host(%__MODULE__{host: host}), do: host

  defp loopback("localhost"), do: {:ok, {127, 0, 0, 1}}

  defp loopback(host) do
    case :inet.parse_strict_address(String.to_charlist(host)) do
      {:ok, {127, _, _, _} = address} -> {:ok, address}
      {:ok, {0, 0, 0, 0, 0, 0, 0, 1} = address} -> {:ok, address}
      _other -> :error
    end
  end
end
