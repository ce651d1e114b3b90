defmodule Bloom.ErrorInterpreter.Words do
  @moduledoc """
  Any term in words, for messages that people read.

  Tuples, maps, pids and the like are described, never printed as code. What exactly it was is for details and logs.
  """

  alias Bloom.ErrorInterpreter.Posix

  @depth 4
  @items 6
  @lines 10
  @characters 500
  # What is looked at of a text, which may be megabytes.
  @looked_at 2_000

  @doc """
  A term in words.

      iex> Bloom.ErrorInterpreter.Words.of(:connection_refused)
      "connection refused"
      iex> Bloom.ErrorInterpreter.Words.of({:database_error, %RuntimeError{message: "no answer"}})
      "database error: no answer"
      iex> Bloom.ErrorInterpreter.Words.of({:error, {:bad_path, ~c"/srv/garden"}})
      "bad path: /srv/garden"
      iex> Bloom.ErrorInterpreter.Words.of(self())
      "a process"
      iex> Bloom.ErrorInterpreter.Words.of(Bloom.Error)
      "Bloom.Error"
  """
  @spec of(term()) :: String.t()
  def of(term), do: term |> of(@depth) |> bounded()

  @doc """
  A process for people who want to find it: its name or what it began with, and its pid.

      iex> Bloom.ErrorInterpreter.Words.process(Process.whereis(:init))
      ":init (<0.0.0>)"
  """
  @spec process(pid()) :: String.t()
  def process(pid) do
    shown = to_string(:erlang.pid_to_list(pid))

    case node(pid) == node() && Process.info(pid, [:registered_name, :dictionary]) do
      [{:registered_name, name}, _dictionary] when is_atom(name) -> "#{inspect(name)} (#{shown})"
      [_no_name, {:dictionary, dictionary}] -> began(dictionary[:"$initial_call"], shown)
      _gone_or_elsewhere -> "process #{shown}"
    end
  end

  @doc "Processes for people who want to find them; the first few, and how many more there are."
  @spec processes([pid()]) :: String.t()
  def processes(pids) do
    {shown, more} = Enum.split(pids, @items)
    rest = if more == [], do: [], else: ["#{length(more)} more"]
    joined(Enum.map(shown, &process/1) ++ rest)
  end

  defp began({module, function, arity}, shown), do: "#{Exception.format_mfa(module, function, arity)} (#{shown})"
  defp began(_not_told, shown), do: "process #{shown}"

  @doc """
  Text of whatever length, up to a bound.

      iex> Bloom.ErrorInterpreter.Words.bounded("a\\n\\nb")
      "a\\nb"
  """
  @spec bounded(String.t()) :: String.t()
  def bounded(text) do
    text =
      text
      |> String.slice(0, @looked_at)
      |> String.split("\n", trim: true)
      |> Enum.take(@lines)
      |> Enum.join("\n")
      |> String.trim()

    if String.length(text) > @characters, do: String.slice(text, 0, @characters) <> "…", else: text
  end

  defp of(_term, 0), do: "…"
  defp of(nil, _depth), do: "nothing"
  defp of(atom, _depth) when is_atom(atom), do: atom(atom)
  defp of(number, _depth) when is_number(number), do: to_string(number)
  defp of("", _depth), do: "empty text"

  defp of(binary, _depth) when is_binary(binary) do
    if String.printable?(binary, @looked_at), do: binary, else: "data of #{byte_size(binary)} bytes"
  end

  defp of(%Bloom.Error{message: message}, _depth), do: message
  defp of(exception, depth) when is_exception(exception), do: exception(exception, depth)
  defp of(%module{}, _depth), do: "a #{inspect(module)}"

  defp of(map, _depth) when is_map(map) do
    case for key <- Map.keys(map), is_atom(key) or is_binary(key), do: of(key, 1) do
      [] -> "a map"
      keys -> "a map with #{keys |> Enum.sort() |> joined()}"
    end
  end

  defp of({tag, reason}, depth) when tag in [:error, :EXIT], do: of(reason, depth)
  defp of({reason, [{module, _, _, _} | _callers]}, depth) when is_atom(module), do: of(reason, depth)

  defp of({module, function, arguments}, depth) when is_atom(module) and is_atom(function) and is_list(arguments) do
    if module?(module),
      do: Exception.format_mfa(module, function, length(arguments)),
      else: tagged(module, [function, arguments], depth)
  end

  defp of({}, _depth), do: "nothing"

  defp of(tuple, depth) when is_tuple(tuple) do
    case Tuple.to_list(tuple) do
      [tag | items] when is_atom(tag) -> tagged(tag, items, depth)
      items -> items(items, depth)
    end
  end

  defp of([], _depth), do: "nothing"

  defp of(list, depth) when is_list(list) do
    cond do
      List.improper?(list) -> "a list"
      List.ascii_printable?(list) or printable?(list) -> to_string(list)
      true -> items(list, depth)
    end
  end

  defp of(pid, _depth) when is_pid(pid), do: "a process"
  defp of(port, _depth) when is_port(port), do: "a port"
  defp of(reference, _depth) when is_reference(reference), do: "a reference"
  defp of(function, _depth) when is_function(function), do: "a function"
  defp of(bits, _depth) when is_bitstring(bits), do: "data of #{bit_size(bits)} bits"

  defp tagged(tag, items, depth) do
    case Enum.reject(items, &(&1 in [[], nil, %{}])) do
      [] -> of(tag, depth)
      items -> "#{of(tag, depth)}: #{items(items, depth)}"
    end
  end

  defp items(items, depth) do
    shown = items |> Enum.take(@items) |> Enum.map(&of(&1, depth - 1))
    joined(if length(items) > @items, do: shown ++ ["…"], else: shown)
  end

  defp joined(texts), do: Enum.join(texts, ", ")

  defp atom(atom) do
    cond do
      module?(atom) -> inspect(atom)
      Posix.known?(atom) -> Posix.words(atom)
      true -> atom |> Atom.to_string() |> String.replace("_", " ")
    end
  end

  defp module?(atom), do: match?("Elixir." <> _, Atom.to_string(atom))

  # Their messages print the term as code.
  defp exception(%MatchError{term: term}, depth), do: "no match for #{of(term, depth - 1)}"
  defp exception(%CaseClauseError{term: term}, depth), do: "no clause for #{of(term, depth - 1)}"
  defp exception(%WithClauseError{term: term}, depth), do: "no clause for #{of(term, depth - 1)}"
  defp exception(%TryClauseError{term: term}, depth), do: "no clause for #{of(term, depth - 1)}"
  defp exception(%BadMapError{term: term}, depth), do: "#{of(term, depth - 1)} is no map"
  defp exception(%BadBooleanError{term: term}, depth), do: "#{of(term, depth - 1)} is neither true nor false"
  defp exception(%BadFunctionError{term: term}, depth), do: "#{of(term, depth - 1)} is no function"
  defp exception(%BadStructError{struct: struct}, _depth), do: "what was given is no #{inspect(struct)}"
  defp exception(%BadArityError{}, _depth), do: "a function was called with another number of arguments than it takes"
  defp exception(%ErlangError{original: term}, depth), do: of(term, depth - 1)
  defp exception(%KeyError{key: key}, depth), do: "there is no #{of(key, depth - 1)}"

  defp exception(%Protocol.UndefinedError{protocol: protocol}, _depth),
    do: "#{inspect(protocol)} knows nothing of what it was given"

  defp exception(exception, _depth) do
    case Exception.message(exception) do
      "" -> inspect(exception.__struct__)
      message -> message
    end
  end

  defp printable?(list) do
    Enum.all?(list, &(is_integer(&1) and &1 > 31)) and List.to_string(list) |> String.printable?()
  rescue
    _no_text -> false
  end
end
