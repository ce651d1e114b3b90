defmodule Bloom.HealthChecker.Check do
  @moduledoc "One health check: what to call, and whether a switch depends on it."

  alias Bloom.{Config, Isolated, Telemetry}
  alias Bloom.ErrorInterpreter.Words

  @enforce_keys [:name, :code, :critical]
  defstruct [:name, :code, :critical]

  @type t :: %__MODULE__{name: atom(), code: Isolated.code(), critical: boolean()}

  @doc """
  A check from what config or `Bloom.HealthChecker.register_check/3` says of it.

      iex> {:ok, check} = Bloom.HealthChecker.Check.new(:db, {MyApp.Db, :check, []})
      iex> check.critical
      true
      iex> {:ok, check} = Bloom.HealthChecker.Check.new(:mail, {{MyApp.Mail, :check, []}, critical: false})
      iex> check.critical
      false
      iex> Bloom.HealthChecker.Check.new(:db, :ok)
      {:error, "expected a function without arguments or {module, function, arguments}, got: :ok"}
  """
  @spec new(atom(), term()) :: {:ok, t()} | {:error, String.t()}
  def new(name, {code, opts}) do
    with {:ok, check} <- new(name, code), {:ok, critical} <- critical(opts), do: {:ok, %{check | critical: critical}}
  end

  def new(name, code) do
    if Isolated.code?(code) do
      {:ok, %__MODULE__{name: name, code: code, critical: true}}
    else
      {:error, "expected a function without arguments or {module, function, arguments}, got: #{inspect(code)}"}
    end
  end

  @doc "Whether it is a list of checks, as the option `health_checks` wants it."
  @spec entries?(term()) :: boolean()
  def entries?(entries) do
    Keyword.keyword?(entries) and Enum.all?(entries, fn {name, entry} -> match?({:ok, _check}, new(name, entry)) end)
  end

  @doc "Runs checks at the same time; results come in their order."
  @spec run([t()]) :: [Bloom.HealthChecker.result()]
  def run(checks) do
    timeout = Config.get_valid(:health_check_timeout_ms)

    checks
    |> Enum.map(&start(&1, timeout))
    |> Enum.map(&await/1)
  end

  defp start(check, timeout) do
    span = Telemetry.start([:bloom, :health_check], Map.take(check, [:name, :critical]))
    {check, span, Isolated.start(check.code, timeout)}
  end

  defp await({check, span, call}) do
    {answer, microseconds} = Isolated.await(call)
    result = judge(answer)
    Telemetry.stop(span, told(result))
    %{name: check.name, critical: check.critical, result: result, duration_ms: div(microseconds, 1000)}
  end

  defp told(:ok), do: %{result: :ok, reason: nil}
  defp told({:error, reason}), do: %{result: :error, reason: reason}

  defp critical([]), do: {:ok, true}
  defp critical(critical: critical) when is_boolean(critical), do: {:ok, critical}

  defp critical(opts),
    do: {:error, "expected the options of a check to be [critical: true or false], got: #{inspect(opts)}"}

  defp judge({:ok, ok}) when ok in [:ok, true], do: :ok
  defp judge({:ok, false}), do: {:error, "it answered false"}
  defp judge({:ok, {:error, reason}}), do: {:error, Words.of(reason)}

  defp judge({:ok, other}),
    do: {:error, "it answered #{Words.of(other)} instead of :ok, true, false or an :error tuple with a reason"}

  defp judge({:error, why}), do: {:error, why}
end
