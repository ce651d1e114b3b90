defmodule Bloom.Deployment.Install do
  @moduledoc """
  From the archive to a release that the release handler knows and that has a plan: verify, stage, register.
  """

  alias Bloom.{Error, Native, Plan, ReleaseHandler, Root}

  @doc "Installs the archive of a version without switching to it. What fails leaves the root as it was."
  @spec run(Root.t(), String.t(), (atom() -> :ok)) :: {:ok, Plan.t() | nil} | {:error, Error.t()}
  def run(%Root{} = root, version, report) do
    report.(:stage)

    with {:ok, staged} <- stage(root, version) do
      case register_and_plan(root, version, staged, report) do
        {:ok, plan} ->
          {:ok, plan}

        {:error, error} ->
          :ok = unstage(root, staged)
          {:error, error}
      end
    end
  end

  # An installed release is installed again only when there is an archive to compare it with.
  defp stage(root, version) do
    archive = Root.archive(root, version)

    cond do
      version == root.running ->
        {:error, Error.new(:already_running, "release #{version} is running already")}

      File.regular?(archive) ->
        Native.archive_stage(archive, %{root: root.path, name: root.name, version: version})

      true ->
        {:error,
         Error.new(:archive_not_found, "there is no archive #{archive}",
           suggestions: ["copy #{Path.basename(archive)} from the build machine to #{Path.dirname(archive)}"]
         )}
    end
  end

  defp register_and_plan(root, version, staged, report) do
    with :ok <- register(root, version) do
      report.(:plan)

      case plan(root, version) do
        {:ok, plan} ->
          {:ok, plan}

        {:error, error} ->
          if staged.placed != [], do: ReleaseHandler.impl().set_removed(to_charlist(version))
          {:error, error}
      end
    end
  end

  defp plan(root, version) do
    case Plan.make(root, version) do
      {:ok, %Plan{decision: :refuse} = plan} ->
        {:error, Error.new(:refused, "release #{version} cannot be used: #{Plan.explain(plan)}")}

      other ->
        other
    end
  end

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

  defp unstage(root, %{placed: placed}) do
    case Native.archive_unstage(root.path, placed) do
      {:ok, _} -> :ok
      :ok -> :ok
      {:error, error} -> raise error
    end
  end
end
