defmodule Bloom.CLI.Output do
  @moduledoc """
  Where a command writes: text for people, or one JSON object a line for machines.

  Colours and the line that is written over and over are for terminals only.
  """

  alias Bloom.{CLI.ExitCode, JSON}

  @enforce_keys [:device, :errors]
  defstruct [:device, :errors, terminal: false, colour: false, json: false]

  @type t :: %__MODULE__{
          device: IO.device(),
          errors: IO.device(),
          terminal: boolean(),
          colour: boolean(),
          json: boolean()
        }

  @typedoc "An error as Bloom's RPC has it."
  @type error :: %{code: atom(), message: String.t(), suggestions: [String.t()]}

  @typedoc """
  What came of a command: data for machines with lines for people, or an error. `:unmet` is an answer that is not the one
  that was required, `:interrupted` is Ctrl-C.
  """
  @type result ::
          {:done | :unmet | :interrupted, map(), [line()]} | {:error, error()} | {:error, error(), map()}

  @type line :: String.t() | {colour(), String.t()}
  @type colour :: :green | :red | :yellow | :faint

  # A terminal is at least as wide.
  @width 79

  @doc """
  The output of a process with an environment: whether it writes to a terminal is known to the script that starts it.

      iex> Bloom.CLI.Output.new(%{"BLOOM_TERMINAL" => "yes", "NO_COLOR" => "1"}).colour
      false
  """
  @spec new(%{String.t() => String.t()}) :: t()
  def new(environment) do
    terminal = environment["BLOOM_TERMINAL"] == "yes"
    colour = terminal and environment["NO_COLOR"] in [nil, ""] and environment["TERM"] != "dumb"
    %__MODULE__{device: :stdio, errors: :stderr, terminal: terminal, colour: colour}
  end

  @doc "Says something on the way: lines for people, or an event for machines."
  @spec event(t(), map(), [line()]) :: :ok
  def event(%{json: true} = output, event, _lines), do: json(output, event)
  def event(output, _event, lines), do: lines(output, output.device, lines)

  @doc "Says how far something is, in the last line of a terminal, where the next one takes its place."
  @spec progress(t(), map(), String.t()) :: :ok
  def progress(%{json: true} = output, event, _text), do: json(output, event)
  def progress(%{terminal: false}, _event, _text), do: :ok
  def progress(output, _event, text), do: IO.write(output.device, ["\r\e[K", String.slice(printable(text), 0, @width)])

  @doc "Says what came of a command and returns how it ends."
  @spec result(t(), String.t(), result()) :: ExitCode.meaning()
  def result(output, command, {:error, error}), do: result(output, command, {:error, error, %{}})

  def result(output, command, {:error, error, data}) do
    meaning = ExitCode.of_error(error.code)
    error = Map.take(error, [:code, :message, :suggestions])

    if output.json do
      json(output, final(command, meaning, data) |> Map.merge(%{ok: false, error: error}))
    else
      advice = for suggestion <- error.suggestions, do: "  -> #{suggestion}"
      lines(output, output.errors, [{:red, "#{command}: #{error.message}"} | advice])
    end

    meaning
  end

  def result(output, command, {meaning, data, lines}) do
    if output.json,
      do: json(output, final(command, meaning, data) |> Map.put(:ok, meaning == :done)),
      else: lines(output, output.device, lines)

    meaning
  end

  defp final(command, meaning, data) do
    %{event: :result, command: command, exit_code: ExitCode.number(meaning), data: data}
  end

  defp json(output, map), do: IO.puts(output.device, JSON.encode(map))

  defp lines(output, device, lines) do
    if output.terminal and lines != [], do: IO.write(device, "\r\e[K")
    for line <- lines, do: IO.puts(device, line(output, line))
    :ok
  end

  defp line(%{colour: true}, {colour, text}), do: IO.ANSI.format([colour, printable(text)], true)
  defp line(_output, {_colour, text}), do: printable(text)
  defp line(_output, text), do: printable(text)

  @doc """
  A text from outside that does nothing to a terminal.

      iex> Bloom.CLI.Output.printable("red \\e[31m")
      "red ?[31m"
      iex> Bloom.CLI.Output.printable(<<"no text ", 255>>)
      "no text ?"
  """
  @spec printable(String.t()) :: String.t()
  def printable(text) do
    text
    |> String.chunk(:valid)
    |> Enum.map_join(&if(String.valid?(&1), do: &1, else: "?"))
    |> String.replace(~r/[^\P{Cc}\n]/u, "?")
  end
end
