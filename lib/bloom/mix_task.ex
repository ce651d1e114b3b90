defmodule Bloom.MixTask do
  @moduledoc "What the `mix bloom.*` tasks have in common: help, servers, and ends with an exit code that means something."

  # Mix is there when a release is built and nowhere else.
  @compile {:no_warn_undefined, [Mix, Mix.Tasks.Help]}

  alias Bloom.{Error, Remote}
  alias Bloom.CLI.{ExitCode, Output}
  alias Bloom.Remote.Target

  @target "BLOOM_TARGET"

  @doc """
  Whether help is asked for.

      iex> Bloom.MixTask.help?(["1.2.0", "--help"])
      true
      iex> Bloom.MixTask.help?(["1.2.0"])
      false
  """
  @spec help?([String.t()]) :: boolean()
  def help?(args), do: Enum.any?(args, &(&1 in ["-h", "--help"]))

  @doc "Shows what `mix help TASK` shows."
  @spec help(String.t()) :: :ok
  def help(task) do
    Mix.Tasks.Help.run([task])
    :ok
  end

  @doc "What the help of every task says that asks a server."
  @spec about_target() :: String.t()
  def about_target do
    """
    ## The server

    `--target user@host:/opt/my_app` names the root of the release there, and a host that ssh reaches; `--target
    /opt/my_app` is a directory of this machine. Without the option the environment variable `BLOOM_TARGET` says it.

    What runs is the server's own `bin/bloom`: other options than `--target` are handed to it, what it says is shown, and
    its exit code is that of the task, see `Bloom.CLI.ExitCode`. ssh must be able to log in without asking; ports, keys
    and other users belong into `~/.ssh/config`. Where Bloom's RPC is authenticated, the secret is taken from the environment
    variable `BLOOM_SECRET` of this machine.
    """
  end

  @doc "Runs a command of the server's `bin/bloom`: what most of the tasks are."
  @spec remote(String.t(), String.t(), [String.t()]) :: :ok
  def remote(task, command, args) do
    if help?(args) do
      help(task)
    else
      {target, args} = target(task, args)
      target |> Remote.run([command | args]) |> finish()
    end
  end

  @doc "The server that is named by the option or the environment, and the other arguments."
  @spec target(String.t(), [String.t()]) :: {Target.t(), [String.t()]}
  def target(task, args) do
    with {:ok, named, args} <- take(args, "--target"),
         text when text != nil <- named || System.get_env(@target),
         {:ok, target} <- Target.parse(text) do
      {target, args}
    else
      nil -> usage(task, "name the server by --target user@host:/opt/my_app, or by #{@target}")
      :error -> usage(task, "--target lacks its value")
      {:error, message} -> usage(task, message)
    end
  end

  @doc """
  Takes an option and its value out of arguments that somebody else reads.

      iex> Bloom.MixTask.take(["1.2.0", "--target", "/opt", "--json"], "--target")
      {:ok, "/opt", ["1.2.0", "--json"]}
      iex> Bloom.MixTask.take(["--target=/opt"], "--target")
      {:ok, "/opt", []}
      iex> Bloom.MixTask.take(["--json"], "--target")
      {:ok, nil, ["--json"]}
      iex> Bloom.MixTask.take(["--target"], "--target")
      :error
  """
  @spec take([String.t()], String.t()) :: {:ok, String.t() | nil, [String.t()]} | :error
  def take(args, option) do
    case Enum.split_while(args, &(&1 != option and not String.starts_with?(&1, option <> "="))) do
      {before, [^option, value | others]} -> {:ok, value, before ++ others}
      {_before, [^option]} -> :error
      {before, [assigned | others]} -> {:ok, String.replace_prefix(assigned, option <> "=", ""), before ++ others}
      {args, []} -> {:ok, nil, args}
    end
  end

  @doc "Where a task writes: as `bin/bloom` does."
  @spec output([String.t()]) :: Output.t()
  def output(args) do
    terminal = if IO.ANSI.enabled?(), do: "yes", else: "no"
    %{Output.new(Map.put(System.get_env(), "BLOOM_TERMINAL", terminal)) | json: "--json" in args}
  end

  @doc "Ends a task with an exit code, or with that of its meaning."
  @spec finish(non_neg_integer() | ExitCode.meaning()) :: :ok | no_return()
  def finish(0), do: :ok
  def finish(code) when is_integer(code), do: exit({:shutdown, code})
  def finish(meaning), do: meaning |> ExitCode.number() |> finish()

  @doc "Ends a task that was called in a way it is not to be called."
  @spec usage(String.t(), String.t()) :: no_return()
  def usage(task, message), do: Mix.raise("#{message}; see mix help #{task}", exit_status: ExitCode.number(:usage))

  @doc "Ends a task that could not do what it was to do."
  @spec fail(Output.t(), String.t(), Error.t()) :: no_return()
  def fail(output, command, error), do: output |> Output.result(command, {:error, error}) |> finish()
end
