defmodule Bloom.RollbackTarget do
  @moduledoc "Which release a rollback goes back to."

  alias Bloom.{Config, Error, Metadata}
  alias Bloom.Metadata.History

  @type releases :: [%{:version => String.t(), :status => atom() | nil, optional(atom()) => term()}]

  @doc """
  The release that ran before `running`.

  The history knows. Without one, as before the first switch with it, the order of registration does: `releases` are
  listed with what was registered later first, as `Bloom.ReleaseHandler.releases/0` does.
  """
  @spec fetch(String.t(), releases()) :: {:ok, String.t()} | {:error, Error.t()}
  def fetch(running, releases) do
    with false <- Config.get(:skip_file_checks), {:ok, version} <- from_history(running) do
      installed(version, releases)
    else
      _no_history -> registered_before(running, releases)
    end
  end

  # A deployment that took effect and was left open is completed before a rollback begins.
  defp from_history(running) do
    case Metadata.unfinished_deployment() do
      {:ok, %{version: ^running} = open} -> History.rollback_target(open)
      _none_or_not_this -> History.rollback_target()
    end
  end

  # One that ran long ago may have been removed since.
  defp installed(version, releases) do
    if Enum.any?(releases, &(&1.version == version and &1.status != nil)) do
      {:ok, version}
    else
      {:error,
       Error.new(:no_rollback_target, "release #{version}, which a rollback would go back to, has been removed",
         suggestions: ["install it again, or switch to another release by its version"]
       )}
    end
  end

  defp registered_before(running, releases) do
    earlier = releases |> Enum.drop_while(&(&1.version != running)) |> Enum.drop(1)

    case Enum.find(earlier, &(&1.status == :old)) do
      nil ->
        {:error,
         Error.new(:no_rollback_target, "there is no earlier release to roll back to",
           suggestions: ["switch to a release of Bloom.ReleaseManager.list_releases() by its version"]
         )}

      release ->
        {:ok, release.version}
    end
  end
end
