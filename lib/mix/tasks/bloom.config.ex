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

    * `--json` - one JSON object, as of `bin/bloom`. Its `data` has `options`, each with `option`, `value`, `source`
      (`default`, `file` or `environment`), `file`, `line` and `problem`; `problems`, those of values that do not go
      together included; and `unread`, the files that could not be read

  ## Exit codes

  | code | meaning |
  | --- | --- |
  | 0 | everything is as Bloom takes it |
  | 2 | the task was called in another way than this |
  | 4 | a value is wrong or an option is none: Bloom would not start with it |
  """

  use Mix.Task

  alias Bloom.CLI.Output
  alias Bloom.Config.{Effective, Files, Table}
  alias Bloom.MixTask

  @task "bloom.config"

  @impl true
  def run(args) do
    if MixTask.help?(args) do
      MixTask.help(@task)
    else
      json = parse(args)
      compile(json)
      args |> MixTask.output() |> Output.result("config", judge()) |> MixTask.finish()
    end
  end

  defp parse(args) do
    case OptionParser.parse(args, strict: [json: :boolean]) do
      {opts, [], []} -> opts[:json]
      {_opts, [argument | _], []} -> MixTask.usage(@task, "expected no argument, got #{argument}")
      {_opts, _arguments, [{option, _value} | _]} -> MixTask.usage(@task, "#{option} is not an option")
    end
  end

  # A runtime.exs may call the project's own code. What the compiler says is not for who reads JSON.
  defp compile(json) do
    shell = Mix.shell()
    if json, do: Mix.shell(Mix.Shell.Quiet)
    Mix.Task.run("compile")
    Mix.shell(shell)
  end

  defp judge do
    files = Files.read(Mix.Project.config()[:config_path], Mix.env(), Mix.target())
    entries = Effective.entries(files, Application.get_all_env(:bloom))
    problems = Effective.problems(entries)
    unread = for {file, why} <- files.unread, do: %{file: file, reason: why}
    data = %{options: Table.plain(entries), problems: problems, unread: unread}
    notes = for %{file: file, reason: why} <- unread, do: {:yellow, "#{file} could not be read here: #{why}"}

    {if(problems == [], do: :done, else: :unmet), data,
     Table.lines(entries) ++ notes ++ Enum.map(problems, &{:red, &1})}
  end
end
