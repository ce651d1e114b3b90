defmodule Mix.Tasks.Bloom.Plan do
  @shortdoc "Explains the upgrade from one release archive to another"

  @moduledoc """
  Explains how a node that runs the release in one archive would become the release in another: hot, with a restart or
  not at all, why, and what changes. No node is asked.

      mix bloom.plan my_app-1.0.0.tar.gz _build/prod/my_app-1.1.0.tar.gz

  ## Options

    * `--require hot` - fail with exit code 4 unless the upgrade is hot; with `--require restart`, unless it is possible
      at all
    * `--json` - one JSON object instead of text

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

  alias Bloom.{JSON, MixTask, Plan}

  @task "bloom.plan"
  # What each requirement is content with.
  @contented %{"hot" => [:hot], "restart" => [:hot, :restart]}

  @impl true
  def run(args) do
    if MixTask.help?(args), do: MixTask.help(@task), else: args |> parse() |> explain()
  end

  defp parse(args) do
    {opts, archives, invalid} = OptionParser.parse(args, strict: [require: :string, json: :boolean])

    cond do
      invalid != [] -> MixTask.usage(@task, "#{invalid |> hd() |> elem(0)} is not an option, or lacks its value")
      length(archives) != 2 -> MixTask.usage(@task, "expected two archives, got #{length(archives)}")
      requirement?(opts[:require]) -> {archives, opts}
      true -> MixTask.usage(@task, "--require expects hot or restart, got #{opts[:require]}")
    end
  end

  defp requirement?(requirement), do: requirement == nil or is_map_key(@contented, requirement)

  defp explain({[old, new], opts}) do
    case Plan.Archives.make(old, new) do
      {:ok, plan} ->
        Mix.shell().info(text(plan, opts[:json]))
        demand(plan, opts[:require])

      {:error, error} ->
        MixTask.fail(error)
    end
  end

  defp text(plan, true), do: plan |> Plan.to_map() |> JSON.encode()
  defp text(plan, _json), do: plan |> Plan.Text.lines() |> Enum.join("\n")

  defp demand(plan, requirement) do
    if requirement && plan.decision not in @contented[requirement] do
      Mix.shell().error("The upgrade is to be #{allowed(requirement)}, and it is not.")
      exit({:shutdown, 4})
    end
  end

  defp allowed("hot"), do: "hot"
  defp allowed("restart"), do: "hot or with a restart"
end
