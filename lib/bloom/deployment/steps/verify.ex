defmodule Bloom.Deployment.Steps.Verify do
  @moduledoc "What can be said about an installation before the archive is read."

  use Bloom.Deployment.Step

  alias Bloom.{Error, LifecycleManager, Root}

  @impl true
  def name, do: :verify

  @impl true
  def run(%{root: root, version: version} = context) do
    archive = Root.archive(root, version)

    cond do
      version == root.running ->
        {:error, Error.new(:already_running, "release #{version} is running already")}

      File.regular?(archive) ->
        LifecycleManager.auto_cleanup(root)
        {:ok, context}

      true ->
        {:error,
         Error.new(:archive_not_found, "there is no archive #{archive}",
           suggestions: ["copy #{Path.basename(archive)} from the build machine to #{Path.dirname(archive)}"]
         )}
    end
  end
end
