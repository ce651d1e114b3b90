defmodule Bloom.SafetyMonitor.Probe do
  @moduledoc """
  A response probe: something that the user wants answered in time.

  `{module, function, arguments}`, which has failed when it raises, throws, exits, hangs, or answers `false`, `:error`
  or `{:error, reason}`; or the URL of something that this node serves on loopback, which has failed when it
  cannot be reached or answers a status of 400 or above. What is timed of a URL is how long its status line takes.
  """

  alias Bloom.Isolated
  alias Bloom.ErrorInterpreter.Words
  alias Bloom.SafetyMonitor.URL

  @type target :: {module(), atom(), [term()]} | String.t()

  @typedoc "How long it took in milliseconds, or in words why it failed."
  @type outcome :: {:ok, float()} | {:error, String.t()}

  @doc """
  Whether it is a list of probes, as the option `response_probes` wants it.

      iex> Bloom.SafetyMonitor.Probe.entries?(health: "http://127.0.0.1:4000/health", shop: {MyApp.Shop, :probe, []})
      true
      iex> Bloom.SafetyMonitor.Probe.entries?(other: "http://example.org/")
      false
      iex> Bloom.SafetyMonitor.Probe.entries?(closure: fn -> :ok end)
      false
  """
  @spec entries?(term()) :: boolean()
  def entries?(entries), do: Keyword.keyword?(entries) and Enum.all?(entries, fn {_name, target} -> target?(target) end)

  @doc "Runs a probe, in processes of its own."
  @spec run(target(), pos_integer()) :: outcome()
  def run(target, timeout) do
    case Isolated.run(code(target, timeout), timeout) do
      {{:ok, failure}, _microseconds} when failure in [false, :error] -> {:error, "it answered #{failure}"}
      {{:ok, {:error, reason}}, _microseconds} -> {:error, words(reason)}
      {{:ok, _answer}, microseconds} -> {:ok, microseconds / 1000}
      {{:error, why}, _microseconds} -> {:error, why}
    end
  end

  defp target?(url) when is_binary(url), do: match?({:ok, _url}, URL.parse(url))
  defp target?(target), do: is_tuple(target) and Isolated.code?(target)

  defp code(url, timeout) when is_binary(url), do: {URL, :get, [url, timeout]}
  defp code(code, _timeout), do: code

  # What is asked over HTTP answers whole sentences.
  defp words(reason) when is_binary(reason), do: reason
  defp words(reason), do: "it answered an error: #{Words.of(reason)}"
end
