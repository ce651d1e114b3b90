defmodule Bloom.CLI.Arguments do
  @moduledoc "The commands of `bin/bloom`, what each takes, and the reading of it."

  alias Bloom.CLI.Output

  @typedoc "What was asked for. `arguments` has a version where the command takes one."
  @type t :: %{command: String.t(), arguments: [String.t()], options: keyword()}

  @general [help: :boolean, json: :boolean, timeout: :integer]
  @switching [mode: :string, force: :boolean, no_wait: :boolean]

  @commands %{
    "deploy" => %{takes: ["VERSION"], options: [archive: :string] ++ @switching},
    "install" => %{takes: ["VERSION"], options: [archive: :string]},
    "switch" => %{takes: ["VERSION"], options: @switching},
    "rollback" => %{takes: [], options: @switching},
    "status" => %{takes: [], options: []},
    "health-check" => %{takes: [], options: []},
    "plan" => %{takes: ["VERSION"], options: [require: :string]},
    "history" => %{takes: [], options: [limit: :integer]},
    "releases" => %{takes: [], options: []},
    "remove" => %{takes: ["VERSION"], options: [dry_run: :boolean]},
    "backup" => %{takes: ["VERSION"], options: []},
    "cancel" => %{takes: [], options: []},
    "follow" => %{takes: [], options: []},
    "verify-audit" => %{takes: [], options: []}
  }

  # What an option may be, beyond its type.
  @choices %{mode: ["auto", "hot", "restart"], require: ["hot", "restart"]}

  # A node answers no more.
  @most_history 10_000

  @doc "The names of all commands."
  @spec commands() :: [String.t()]
  def commands, do: Map.keys(@commands)

  @doc "What a command takes: its arguments, and the names of its options as they are typed."
  @spec takes(String.t()) :: %{arguments: [String.t()], options: [String.t()]}
  def takes(command) do
    %{takes: arguments, options: options} = Map.fetch!(@commands, command)
    %{arguments: arguments, options: for({name, _type} <- options, do: typed(name))}
  end

  @doc """
  Reads what was typed.

      iex> Bloom.CLI.Arguments.parse(["deploy", "1.2.3", "--json"])
      {:ok, %{command: "deploy", arguments: ["1.2.3"], options: [json: true]}}
      iex> Bloom.CLI.Arguments.parse(["plan", "--help"])
      {:help, "plan"}
      iex> Bloom.CLI.Arguments.parse(["plan"])
      {:error, "plan takes VERSION: see bin/bloom plan --help"}
  """
  @spec parse([String.t()]) :: {:ok, t()} | {:help, String.t() | nil} | {:error, String.t()}
  def parse([]), do: {:help, nil}
  def parse([help | _rest]) when help in ["help", "--help", "-h"], do: {:help, nil}

  def parse([command | typed]) when is_map_key(@commands, command) do
    %{takes: takes, options: options} = @commands[command]
    {options, arguments, wrong} = OptionParser.parse(typed, strict: @general ++ options, aliases: [h: :help])

    cond do
      options[:help] -> {:help, command}
      wrong != [] -> {:error, see(command, wrong(hd(wrong)))}
      length(arguments) != length(takes) -> {:error, see(command, "#{command} takes #{taken(takes)}")}
      choice = wrong_choice(options) -> {:error, see(command, choice)}
      true -> {:ok, %{command: command, arguments: arguments, options: options}}
    end
  end

  def parse([unknown | _rest]) do
    near = Enum.find(commands(), &(String.jaro_distance(&1, unknown) > 0.85))
    hint = if near, do: "did you mean #{near}?", else: "see bin/bloom --help"
    {:error, "there is no command #{Output.printable(unknown)}: #{hint}"}
  end

  defp wrong({name, nil}), do: "#{Output.printable(name)} is not known here, or lacks its value"
  defp wrong({name, value}), do: "#{name} cannot be #{Output.printable(value)}"

  defp taken([]), do: "no argument"
  defp taken(takes), do: Enum.join(takes, " ")

  defp wrong_choice(options) do
    Enum.find_value(options, fn {name, value} ->
      choices = Map.get(@choices, name)
      if choices && value not in choices, do: "#{typed(name)} is one of #{Enum.join(choices, ", ")}"
    end) || wrong_number(options)
  end

  defp wrong_number(options) do
    Enum.find_value(options, fn
      {name, value} when is_integer(value) and value < 1 -> "#{typed(name)} has to be 1 or more"
      {:limit, value} when value > @most_history -> "--limit has to be #{@most_history} or less"
      _right -> nil
    end)
  end

  defp typed(name), do: "--" <> (name |> Atom.to_string() |> String.replace("_", "-"))
  defp see(command, text), do: "#{text}: see bin/bloom #{command} --help"
end
