defmodule Bloom.Test.CommandLine do
  @moduledoc "Runs `bin/bloom` of a deployed release, as a user would."

  alias Bloom.Test.Node

  @doc "Runs it to its end: how it ended, and all that it printed."
  @spec run(Node.t(), [String.t()], [{String.t(), String.t()}]) :: {non_neg_integer(), String.t()}
  def run(node, arguments, env \\ []), do: node |> start(arguments, env) |> await_end("")

  @doc "Starts it."
  @spec start(Node.t(), [String.t()], [{String.t(), String.t()}]) :: port()
  def start(node, arguments, env \\ []) do
    open(Path.join(node.root, "bin/bloom"), arguments, environment(node, env))
  end

  @doc "Runs it on a terminal of its own, which `script` makes."
  @spec on_terminal(Node.t(), String.t(), [{String.t(), String.t()}]) :: {non_neg_integer(), String.t()}
  def on_terminal(node, arguments, env \\ []) do
    command = "#{Path.join(node.root, "bin/bloom")} #{arguments}"

    "script"
    |> System.find_executable()
    |> open(["--quiet", "--return", "--command", command, "/dev/null"], environment(node, env))
    |> await_end("")
  end

  defp open(program, arguments, env) do
    env = for {name, value} <- env, do: {to_charlist(name), value && to_charlist(value)}
    Port.open({:spawn_executable, program}, [:binary, :exit_status, :stderr_to_stdout, args: arguments, env: env])
  end

  # A port of ours has a session of its own, and what it has started is a group, as on a terminal.
  @doc "Sends what Ctrl-C on a terminal sends."
  @spec interrupt(port()) :: :ok
  def interrupt(port) do
    {:os_pid, os_pid} = Port.info(port, :os_pid)
    {_output, 0} = System.cmd("kill", ["-INT", "--", "-#{os_pid}"])
    :ok
  end

  @doc "Waits until it has printed something that matches; all that it printed until then."
  @spec await_output(port(), Regex.t(), String.t()) :: String.t()
  def await_output(port, regex, printed \\ "") do
    if printed =~ regex do
      printed
    else
      receive do
        {^port, {:data, data}} -> await_output(port, regex, printed <> data)
        {^port, {:exit_status, status}} -> raise "it ended with #{status} before that: #{printed}"
      end
    end
  end

  @doc "Waits until it ends."
  @spec await_end(port(), String.t()) :: {non_neg_integer(), String.t()}
  def await_end(port, printed) do
    receive do
      {^port, {:data, data}} -> await_end(port, printed <> data)
      {^port, {:exit_status, status}} -> {status, printed}
    end
  end

  defp environment(node, env) do
    Node.clean_environment() ++
      [{"GARDEN_NODE", Atom.to_string(node.node)}, {"TERM", "xterm"}, {"NO_COLOR", false} | env]
  end
end
