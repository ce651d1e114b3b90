defmodule Bloom.CLI do
  @moduledoc """
  What `bin/bloom` of a release runs, in a small VM of its own that asks the running node.

  The commands, their JSON and their exit codes stand in the guide "The command line"; see `Bloom.CLI.ExitCode`.
  """

  alias Bloom.CLI.{Arguments, Deployments, Distribution, ExitCode, Help, Interruption, Output}
  alias Bloom.CLI.{Questions, Remote, Session, Signals}

  @deployments ["deploy", "install", "switch", "rollback", "follow"]

  @doc "Runs what was typed, and ends the VM."
  @spec main([String.t()]) :: no_return()
  def main(arguments) do
    # What is said is said here, whatever the locale is and whatever the VM would log.
    :io.setopts(:standard_io, encoding: :unicode)
    :logger.set_primary_config(:level, :none)
    Signals.to(self())
    environment = System.get_env()
    meaning = run(arguments, Output.new(environment), fn -> connect(environment) end)
    System.halt(ExitCode.number(meaning))
  end

  defp connect(environment) do
    with {:ok, node} <- Distribution.connect(environment), do: {:ok, Remote.new(node)}
  end

  @doc """
  Runs what was typed and returns how it ends. `connect` is called where a node is needed.

      iex> output = %Bloom.CLI.Output{device: :stdio, errors: :stdio}
      iex> ExUnit.CaptureIO.capture_io(fn -> Bloom.CLI.run(["plan"], output, fn -> :never end) end)
      "bloom: plan takes VERSION: see bin/bloom plan --help\\n"
  """
  @spec run([String.t()], Output.t(), (() -> {:ok, Remote.t()} | {:error, Output.error()})) :: ExitCode.meaning()
  def run(arguments, output, connect) do
    case Arguments.parse(arguments) do
      {:help, command} ->
        IO.write(output.device, Help.text(command))
        :done

      {:error, message} ->
        output = %{output | json: "--json" in arguments}
        Output.result(output, "bloom", {:error, %{code: :usage, message: message, suggestions: []}})

      {:ok, %{command: command, options: options} = asked} ->
        output = %{output | json: options[:json] == true}
        Output.result(output, command, until_interrupted(command, fn -> carry_out(asked, output, connect) end))
    end
  end

  defp until_interrupted(command, fun) do
    case Interruption.run(fun) do
      {:ok, result} -> result
      :interrupted -> {:interrupted, %{}, [{:yellow, "#{command} is left; what the node was asked for goes on there."}]}
      :crashed -> {:error, broken("its process ended")}
    end
  end

  defp carry_out(%{command: command, options: options} = asked, output, connect) do
    with {:ok, remote} <- connect.() do
      session = %Session{remote: remote, output: output, timeout_ms: Keyword.get(options, :timeout, 600) * 1000}
      if command in @deployments, do: Deployments.run(asked, session), else: Questions.run(asked, session)
    end
  rescue
    exception -> {:error, broken(Exception.message(exception))}
  end

  # A node with a Bloom that answers otherwise than this one expects, most likely.
  defp broken(why) do
    %{
      code: :client_failed,
      message: "bin/bloom itself failed: #{why}",
      suggestions: ["see bin/bloom status; what was begun goes on in the node"]
    }
  end
end
