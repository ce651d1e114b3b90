defmodule Mix.Tasks.Bloom.Plan do
  @shortdoc "Explains the upgrade from one release archive to another"

  @moduledoc """
  Explains how a node that runs the release in one archive would become the release in another: hot, with a restart or
  not at all, why, and what changes. No node is asked.

      mix bloom.plan my_app-1.0.0.tar.gz _build/prod/my_app-1.1.0.tar.gz

  ## Options

    * `--require hot` - fail with exit code 4 unless the upgrade is hot; with `--require restart`, unless it is possible
      at all
    * `--json` - one JSON object instead of text, in the form of `bin/bloom plan --json`: `data` is the plan

  ## Exit codes

  | code | meaning |
  | --- | --- |
  | 0 | there is a plan, and it is as required |
  | 1 | there is no plan: an archive cannot be read, or the two do not belong together |
  | 2 | the task was called in another way than this |
  | 4 | the plan is not as required |

  ## What only the node knows

  The node compares with the code that it has loaded, which is that of the first archive unless somebody changed it by
  hand. Before it switches, it also tries `code_change` on copies of live state and compares the children of supervisors:
  that may find a reason for a restart, or against the switch, which no archive tells.
  """

  use Mix.Task

  alias Bloom.{MixTask, Plan}
  alias Bloom.CLI.Output

  @task "bloom.plan"
  # What each requirement is content with, and how it is called.
  @wanted %{"hot" => {[:hot], "hot"}, "restart" => {[:hot, :restart], "hot or with a restart"}}

  @impl true
  def run(args) do
    if MixTask.help?(args), do: MixTask.help(@task), else: args |> parse() |> explain(MixTask.output(args))
  end

  defp parse(args) do
    {opts, archives, invalid} = OptionParser.parse(args, strict: [require: :string, json: :boolean])
    requirement = opts[:require]

    cond do
      invalid != [] -> MixTask.usage(@task, "#{invalid |> hd() |> elem(0)} is not an option, or lacks its value")
      length(archives) != 2 -> MixTask.usage(@task, "expected two archives, got #{length(archives)}")
      requirement == nil or is_map_key(@wanted, requirement) -> {archives, requirement}
      true -> MixTask.usage(@task, "--require expects hot or restart, got #{requirement}")
    end
  end

  defp explain({[old, new], requirement}, output) do
    case Plan.Archives.make(old, new) do
      {:ok, plan} -> output |> Output.result("plan", judge(plan, requirement)) |> MixTask.finish()
      {:error, error} -> MixTask.fail(output, "plan", error)
    end
  end

  defp judge(plan, requirement) do
    {data, lines} = {Plan.to_map(plan), Plan.Text.lines(plan)}
    {decisions, called} = Map.get(@wanted, requirement, {[plan.decision], nil})

    if plan.decision in decisions,
      do: {:done, data, lines},
      else: {:unmet, data, lines ++ [{:red, "It is required to be #{called}, and is not."}]}
  end
end
