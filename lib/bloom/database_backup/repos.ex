defmodule Bloom.DatabaseBackup.Repos do
  @moduledoc """
  The repos of the running node: those in `ecto_repos` of every loaded application, as `mix ecto.migrate` finds them.

  They are asked at run time; Ecto is no dependency of Bloom.
  """

  alias Bloom.Error

  @typedoc """
  A repo: `config` is what its `config/0` answers. It holds secrets, so it is never logged or printed, and never
  written where others can read it.
  """
  @type repo_info :: %{repo: String.t(), app: String.t(), adapter: String.t(), config: keyword()}

  @doc "The repos of this node, in the order of their applications."
  @spec running() :: {:ok, [repo_info()]} | {:error, Error.t()}
  def running do
    repos =
      for {app, _description, _vsn} <- Enum.sort(Application.loaded_applications()),
          repo <- Application.get_env(app, :ecto_repos, []),
          do: {repo, app}

    repos |> Enum.uniq_by(&elem(&1, 0)) |> collect([])
  end

  defp collect([], infos), do: {:ok, Enum.reverse(infos)}

  defp collect([{repo, app} | rest], infos) do
    with {:ok, info} <- info(repo, app), do: collect(rest, [info | infos])
  end

  defp info(repo, app) do
    {:ok, %{repo: inspect(repo), app: to_string(app), adapter: inspect(repo.__adapter__()), config: repo.config()}}
  rescue
    # Its message may show what was to be configured, secrets too.
    exception ->
      {:error,
       Error.new(
         :repo_not_configured,
         "#{inspect(repo)} of #{app} does not tell its configuration: it raised " <>
           "#{inspect(exception.__struct__)}",
         suggestions: ["call #{inspect(repo)}.config() on the node, or take the repo out of :ecto_repos"]
       )}
  end
end
