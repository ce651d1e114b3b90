defmodule Bloom.Deployment.Install do
  @moduledoc """
  From the archive to a release that the release handler knows and that has a plan: verify, stage, register.
  """

  alias Bloom.{Deployment, Error, Native, Plan, ReleaseHandler, Root}

  @doc "Installs the archive of a version without switching to it. What fails leaves the root as it was."
  @spec run(Root.t(), String.t(), Deployment.control()) :: {:ok, Plan.t()} | {:error, Error.t()}
  def run(%Root{} = root, version, control) do
    control.report.(:stage)

    with {:ok, staged} <- stage(root, version, control.watch) do
      control.report.(:plan)

      case plan_and_register(root, version) do
        {:ok, plan} ->
          {:ok, plan}

        {:error, error} ->
          :ok = unstage(root, staged)
          {:error, error}
      end
    end
  end

  # An installed release is installed again only when there is an archive to compare it with.
  defp stage(root, version, watch) do
    archive = Root.archive(root, version)

    cond do
      version == root.running ->
        {:error, Error.new(:already_running, "release #{version} is running already")}

      File.regular?(archive) ->
        Native.archive_stage(archive, Map.merge(watch, %{root: root.path, name: root.name, version: version}))

      true ->
        {:error,
         Error.new(:archive_not_found, "there is no archive #{archive}",
           suggestions: ["copy #{Path.basename(archive)} from the build machine to #{Path.dirname(archive)}"]
         )}
    end
  end

  # The plan reads the release's terms first, without making atoms of what turns out not to be usable.
  defp plan_and_register(root, version) do
    with {:ok, plan} <- Plan.make(root, version),
         :ok <- usable(plan),
         :ok <- register(root, version) do
      {:ok, plan}
    end
  end

  defp usable(%Plan{decision: :refuse} = plan) do
    {:error, Error.new(:refused, "release #{plan.target} cannot be used: #{Plan.explain(plan)}")}
  end

  defp usable(%Plan{}), do: :ok

  defp register(root, version) do
    if Enum.any?(ReleaseHandler.releases(), &(&1.version == version)) do
      :ok
    else
      rel = Root.release_path(root, version, "#{root.name}.rel")

      case ReleaseHandler.impl().set_unpacked(to_charlist(rel), lib_dirs(rel)) do
        {:ok, _vsn} -> :ok
        {:error, reason} -> {:error, Error.from_release_handler(reason)}
      end
    end
  end

  # Relative, so that RELEASES stays true when the root is moved.
  defp lib_dirs(rel) do
    {:ok, [{:release, _name, _erts, apps}]} = :file.consult(rel)
    for app <- apps, do: {elem(app, 0), elem(app, 1), ~c"lib"}
  end

  defp unstage(root, %{placed: placed}), do: Native.ok!(Native.archive_unstage(root.path, placed))
end
