defmodule Mix.Tasks.Bloom.Config do
  @shortdoc "Prints Bloom's configuration and where it comes from"

  @moduledoc """
  Prints every option of Bloom as it counts in this project, and where its value comes from.

      mix bloom.config [--json]
      MIX_ENV=prod mix bloom.config

  A value comes from the schema (`default`), from a line of `config/config.exs`, a file that it imports or
  `config/runtime.exs`, or from the application environment, where something has put it at run time. Secrets are shown as
  `[secret]`.

  `runtime.exs` may ask for variables that only the server has. Then it is said that it could not be read, and what the
  other files say is shown.

  ## Options

    * `--json` - one JSON object for machines: `options`, each with `option`, `value`, `source` (`default`, `file` or
      `environment`), `file`, `line` and `problem`, and `unread`, the files that could not be read

  ## Exit codes

  | code | meaning |
  | --- | --- |
  | 0 | everything is as Bloom takes it |
  | 2 | the task was called in another way than this |
  | 4 | a value is wrong or an option is none: Bloom would not start with it |
  """

  use Mix.Task

  alias Bloom.Config.{Effective, Files, Table}
  alias Bloom.{JSON, MixTask}

  @task "bloom.config"

  @impl true
  def run(args) do
    if MixTask.help?(args), do: MixTask.help(@task), else: args |> parse() |> show()
  end

  defp parse(args) do
    case OptionParser.parse(args, strict: [json: :boolean]) do
      {opts, [], []} -> opts
      {_opts, [argument | _], []} -> MixTask.usage(@task, "expected no argument, got #{argument}")
      {_opts, _arguments, [{option, _value} | _]} -> MixTask.usage(@task, "#{option} is not an option")
    end
  end

  defp show(opts) do
    compile(opts[:json])
    files = Files.read(Mix.Project.config()[:config_path], Mix.env(), Mix.target())
    entries = Effective.entries(files, Application.get_all_env(:bloom))

    if opts[:json], do: json(entries, files), else: text(entries, files)
    if Enum.any?(entries, & &1.problem), do: exit({:shutdown, 4})
  end

  # A runtime.exs may call the project's own code. What the compiler says is not for who reads JSON.
  defp compile(json) do
    shell = Mix.shell()
    if json, do: Mix.shell(Mix.Shell.Quiet)
    Mix.Task.run("compile")
    Mix.shell(shell)
  end

  defp text(entries, files) do
    entries |> Table.lines() |> Enum.each(&Mix.shell().info/1)
    for {file, why} <- files.unread, do: Mix.shell().error("#{file} could not be read here: #{why}")
    for %{problem: problem} when problem != nil <- entries, do: Mix.shell().error(problem)
  end

  defp json(entries, files) do
    unread = for {file, why} <- files.unread, do: %{file: file, reason: why}
    Mix.shell().info(JSON.encode(%{options: Table.plain(entries), unread: unread}))
  end
end
