defmodule Bloom.LifecycleManager.Protection do
  @moduledoc "Which releases are never removed, and why."

  alias Bloom.{Error, Metadata, ReleaseHandler, ReleasesFile, RollbackTarget, Root}
  alias Bloom.LifecycleManager.Inventory

  @typedoc "Why a release stays, by version: what follows \"release 1.0.0 …\"."
  @type reasons :: %{String.t() => String.t()}

  @doc "The releases that stay whatever is asked. An error where that cannot be told, as then nothing can be removed."
  @spec reasons(Root.t(), Inventory.t()) :: {:ok, reasons()} | {:error, Error.t()}
  def reasons(%Root{} = root, %Inventory{releases: releases} = inventory) do
    with {:ok, deploying} <- deploying(),
         {:ok, target} <- rollback_target(root, releases),
         {:ok, on_trial} <- on_trial(root, releases) do
      # The first reason is the one that is told.
      reasons =
        [{root.running, "runs"}] ++
          for({:ok, %{version: version}} <- [ReleaseHandler.running()], do: {version, "runs"}) ++
          for(%{version: version, status: :permanent} <- releases, do: {version, "is permanent"}) ++
          for({:ok, version} <- [ReleasesFile.permanent(root.path)], do: {version, "is what boots next"}) ++
          for(version <- on_trial, do: {version, "is on trial"}) ++
          for(version <- deploying, do: {version, "is part of a deployment that has not ended"}) ++
          for(version <- target, do: {version, "is what a rollback goes back to"}) ++
          [{booted(), "is what this VM was booted from"}] ++
          for(version <- loaded(inventory), do: {version, "has code that is loaded"})

      {:ok, reasons |> Enum.reverse() |> Map.new()}
    end
  end

  # A removal that is under way is about the very release that it may remove.
  defp deploying do
    case Metadata.unfinished_deployment() do
      {:ok, %{operation: operation} = deployment} when operation != :remove ->
        {:ok, for(version <- [deployment.version, deployment.from_version], version, do: version)}

      {:ok, _none_or_a_removal} ->
        {:ok, []}

      {:error, error} ->
        {:error, error}
    end
  end

  # The history was readable a moment ago; that it names no release is no error here.
  defp rollback_target(root, releases) do
    case RollbackTarget.fetch(root.running, releases) do
      {:ok, version} -> {:ok, [version]}
      {:error, %Error{code: :no_rollback_target}} -> {:ok, []}
      {:error, error} -> {:error, error}
    end
  end

  # The guard's files are for a shell to read; whichever of the versions they name is the one.
  defp on_trial(root, releases) do
    dir = Path.join(root.path, "releases")

    with {:ok, names} <- File.ls(dir),
         {:ok, texts} <- read_all(for ".bloom-trial" <> _rest = name <- names, do: Path.join(dir, name)) do
      {:ok, for(%{version: version} <- releases, String.contains?(texts, version), do: version)}
    else
      {:error, reason} ->
        {:error,
         Error.new(:trial_unreadable, "nobody can tell which release is on trial: #{:file.format_error(reason)}",
           suggestions: ["make #{dir}/.bloom-trial* readable for the node's user"]
         )}
    end
  end

  defp read_all(paths) do
    Enum.reduce_while(paths, {:ok, ""}, fn path, {:ok, texts} ->
      case File.read(path) do
        {:ok, text} -> {:cont, {:ok, texts <> text <> "\n"}}
        # It went while we looked: the trial has ended.
        {:error, :enoent} -> {:cont, {:ok, texts}}
        {:error, reason} -> {:halt, {:error, reason}}
      end
    end)
  end

  defp booted do
    {_name, version} = :init.script_id()
    to_string(version)
  end

  # Whatever RELEASES says: a release runs when what no other release needs is in the code path.
  defp loaded(%Inventory{releases: releases, in_use: in_use}) do
    for %{version: version, needs: needs} = release <- releases,
        others = List.delete(releases, release),
        own = Enum.reduce(others, needs, &MapSet.difference(&2, &1.needs)),
        not MapSet.disjoint?(MapSet.put(own, "releases/#{version}"), in_use),
        do: version
  end
end
