defmodule Bloom.ErrorInterpreter do
  @moduledoc """
  Puts into words what other parts of the system give as reasons: OTP's release handler and systools, the operating
  system, processes, nodes and exceptions.

      iex> error = Bloom.ErrorInterpreter.interpret({:no_such_release, ~c"1.2.3"})
      iex> {error.code, error.message}
      {:release_not_found, "Release not found - ensure release is properly installed"}

      iex> error = Bloom.ErrorInterpreter.interpret({:enospc, ~c"/srv/garden/releases/RELEASES"})
      iex> Bloom.Error.to_message(error)
      "cannot use /srv/garden/releases/RELEASES: no space left on device: free some space there and try again"

  A message never holds a term as code. The reason itself is in the error's `details`, and so in the log.
  """

  alias Bloom.Error
  alias Bloom.ErrorInterpreter.{Posix, Processes, ReleaseHandler, Systools, Words}

  # Whose calls say nothing about where something went wrong.
  @platform [:elixir, :stdlib, :kernel, :compiler, :logger, :ex_unit]

  @unknown {:unknown_reason, "something went wrong that Bloom does not know"}

  @sources [ReleaseHandler, Systools, Posix, Processes]

  @doc """
  The error for a reason, with or without `{:error, _}` around it.

  `unknown` is the code and the sentence for a reason that nobody knows.

      iex> Bloom.ErrorInterpreter.interpret({:error, {:strange, self()}}).message
      "something went wrong that Bloom does not know (strange: a process)"
      iex> Bloom.ErrorInterpreter.interpret(:strange, {:heart, "heart refused"}).message
      "heart refused (strange)"
  """
  @spec interpret(term(), {atom(), String.t()}) :: Error.t()
  def interpret(reason, unknown \\ @unknown)

  def interpret(%Error{} = error, _unknown), do: error
  def interpret({tag, reason}, unknown) when tag in [:error, :EXIT], do: interpret(reason, unknown)

  def interpret(%{code: code, message: message} = failure, _unknown)
      when not is_struct(failure) and is_atom(code) and is_binary(message) do
    Error.new(code, message, suggestions: Map.get(failure, :suggestions, []))
  end

  def interpret(reason, unknown) do
    error = Enum.find_value(@sources, &ask(&1, reason)) || unknown(reason, unknown)
    %{error | details: Map.put_new(error.details, :reason, reason)}
  end

  @doc """
  The error for a step that raised, threw or exited, with all there is to know in the details.

      iex> Bloom.ErrorInterpreter.crash("step verify", :throw, {:ball, 1}, []).message
      "step verify crashed: it threw ball: 1"
  """
  @spec crash(String.t(), :error | :exit | :throw, term(), Exception.stacktrace()) :: Error.t()
  def crash(what, kind, reason, stack) do
    Error.new(:step_crashed, "#{what} crashed: #{how(kind, reason, stack)}",
      details: %{crash: Exception.format(kind, reason, stack)},
      suggestions: ["look at the log for where it happened, and report it if it is Bloom's own"]
    )
  end

  @doc """
  How code came to no answer, in words and with the place.

      iex> Bloom.ErrorInterpreter.how(:error, %ArgumentError{message: "no"}, [])
      "it raised ArgumentError: no"
      iex> Bloom.ErrorInterpreter.how(:exit, {:timeout, {GenServer, :call, [:shop, :count, 5000]}}, [])
      "it exited: :shop did not answer in time"
      iex> Bloom.ErrorInterpreter.how(:throw, :ball, [{MyApp, :run, 0, [file: ~c"lib/my_app.ex", line: 3]}])
      "it threw ball, in MyApp.run/0 (lib/my_app.ex:3)"
  """
  @spec how(:error | :exit | :throw, term(), Exception.stacktrace()) :: String.t()
  def how(kind, reason, stack), do: how_alone(kind, reason, stack) <> place(stack)

  defp how_alone(:throw, value, _stack), do: "it threw #{Words.of(value)}"

  defp how_alone(:error, reason, stack) do
    exception = Exception.normalize(:error, reason, stack)
    "it raised #{inspect(exception.__struct__)}: #{Words.of(exception)}"
  end

  defp how_alone(:exit, reason, _stack) when is_atom(reason), do: "it exited: #{Words.of(reason)}"

  defp how_alone(:exit, reason, _stack) do
    case Processes.interpret(reason) do
      %Error{message: message} -> "it exited: #{message}"
      nil -> "it exited: #{Words.of(reason)}"
    end
  end

  @doc """
  Where it happened: the first call of a stack that tells its file and is not Elixir's or OTP's own.

      iex> Bloom.ErrorInterpreter.place([
      ...>   {:lists, :nth, 2, []},
      ...>   {Enum, :at, 2, [file: ~c"lib/enum.ex", line: 1]},
      ...>   {MyApp, :run, [1], [file: ~c"lib/my_app.ex", line: 3]}
      ...> ])
      ", in MyApp.run/1 (lib/my_app.ex:3)"
      iex> Bloom.ErrorInterpreter.place([])
      ""
  """
  @spec place(Exception.stacktrace()) :: String.t()
  def place(stack) do
    told = for {_module, _function, _arity, [_ | _] = location} = call <- stack, location[:file], do: call

    case Enum.find(told, List.first(told), &(Application.get_application(elem(&1, 0)) not in @platform)) do
      nil ->
        ""

      {module, function, arity, location} ->
        ", in #{called(module, function, arity)} (#{location[:file]}:#{location[:line]})"
    end
  end

  defp called(module, function, arguments) when is_list(arguments), do: called(module, function, length(arguments))
  defp called(module, function, arity), do: Exception.format_mfa(module, function, arity)

  # What has the name of a known reason and another shape must not hide what happened.
  defp ask(source, reason) do
    source.interpret(reason)
  rescue
    _another_shape -> nil
  end

  defp unknown(reason, {code, sentence}) do
    Error.new(code, "#{sentence} (#{Words.of(reason)})", suggestions: ["look at the log for the whole reason"])
  end
end
