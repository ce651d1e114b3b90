defmodule Bloom.ErrorInterpreter.Processes do
  @moduledoc "Why a process ended, a call had no answer, a node did not answer, or code raised."

  @behaviour Bloom.ErrorInterpreter.Source

  alias Bloom.{Error, ErrorInterpreter}
  alias Bloom.ErrorInterpreter.Words

  @report "look at the log for where it happened"

  @impl true
  def interpret({:badmatch, term}), do: failed(term) || crashed("no match for #{Words.of(term)}")
  def interpret(%MatchError{term: term}), do: interpret({:badmatch, term})
  def interpret(%ErlangError{original: term}), do: ErrorInterpreter.interpret(term)
  def interpret(exception) when is_exception(exception), do: crashed(Words.of(exception))

  def interpret({:badrpc, reason}), do: unreachable("the node", reason)
  def interpret(:nodedown), do: unreachable("the node", :nodedown)
  def interpret({:nodedown, node}) when is_atom(node), do: unreachable("node #{node}", :nodedown)
  def interpret({{:nodedown, node}, {_module, _function, _arguments}}), do: interpret({:nodedown, node})
  def interpret(:noconnection), do: unreachable("the node", :nodedown)

  def interpret({reason, {_module, :call, [process | _arguments]}}) when reason in [:noproc, :timeout] do
    called(reason, name(process))
  end

  def interpret(:noproc), do: called(:noproc, "a process")
  def interpret(:timeout), do: called(:timeout, "a process")
  def interpret(:killed), do: Error.new(:process_ended, "a process was killed", suggestions: [@report])

  def interpret(:system_limit) do
    Error.new(:system_limit, "a limit of the VM is reached",
      suggestions: ["look for what takes processes, ports, atoms or tables, or raise the limit with erl's flags"]
    )
  end

  def interpret({:shutdown, reason}), do: ended(reason)
  def interpret(reason) when reason in [:shutdown, :normal], do: ended(reason)

  # A reason with the calls that led to it.
  def interpret({reason, [{module, function, _arity, location} | _calls] = stack})
      when is_atom(module) and is_atom(function) and is_list(location) do
    if is_exception(reason), do: interpret(reason), else: interpret(Exception.normalize(:error, reason, stack))
  end

  # What file:consult/1 says of a line.
  def interpret({line, module, reason}) when is_integer(line) and is_atom(module) do
    Error.new(:damaged_file, "a file is damaged in line #{line}#{said(module, reason)}",
      suggestions: ["restore the file, or install the release again"]
    )
  end

  def interpret(_other), do: nil

  defp failed({:error, reason}), do: ErrorInterpreter.interpret(reason)
  defp failed(_other), do: nil

  defp crashed(text), do: Error.new(:crashed, "it failed: #{text}", suggestions: [@report])

  defp ended(reason) when reason in [:shutdown, :normal] do
    Error.new(:process_ended, "a process ended before it had answered", suggestions: [@report])
  end

  defp ended(reason) do
    Error.new(:process_ended, "a process ended: #{Words.of(reason)}", suggestions: [@report])
  end

  defp called(:noproc, process) do
    Error.new(:no_process, "#{process} does not run", suggestions: ["see whether its application is started"])
  end

  defp called(:timeout, process) do
    Error.new(:no_answer, "#{process} did not answer in time", suggestions: ["try again when it is less busy"])
  end

  defp name(name) when is_atom(name), do: inspect(name)
  defp name(pid) when is_pid(pid), do: Words.process(pid)
  defp name({name, node}) when is_atom(name) and is_atom(node), do: "#{inspect(name)} on #{node}"
  defp name(other), do: Words.of(other)

  defp unreachable(node, reason) do
    why = if reason in [:nodedown, :noconnection], do: "", else: ": #{Words.of(reason)}"

    Error.new(:node_unreachable, "#{node} does not answer#{why}",
      suggestions: ["see whether it runs, and whether name and cookie are right"]
    )
  end

  defp said(module, reason) do
    text = reason |> module.format_error() |> IO.chardata_to_string() |> Words.bounded()
    # What holds a term says it as code.
    if text =~ ~r/[{}<>#]/ or not String.printable?(text), do: "", else: ": #{text}"
  rescue
    _no_words -> ""
  end
end
