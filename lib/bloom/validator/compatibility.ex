defmodule Bloom.Validator.Compatibility do
  @moduledoc "Whether a version goes with the one that runs."

  alias Bloom.{Error, Plan, ReleaseHandler, Relup, Root}

  @doc """
  The version that runs is no target.

      iex> root = %Bloom.Root{path: "/opt/garden", name: "garden", running: "1.0.0"}
      iex> Bloom.Validator.Compatibility.another(root, "1.1.0")
      :ok
      iex> {:error, error} = Bloom.Validator.Compatibility.another(root, "1.0.0")
      iex> error.message
      "release 1.0.0 is running already"
  """
  @spec another(Root.t(), String.t()) :: :ok | {:error, Error.t()}
  def another(%Root{running: version}, version) do
    {:error, Error.already_running(version)}
  end

  def another(%Root{}, _version), do: :ok

  @doc "Whether a version is installed, and is one of the release that runs."
  @spec installed(Root.t(), String.t(), [%{name: String.t(), version: String.t(), status: ReleaseHandler.status()}]) ::
          :ok | {:error, Error.t()}
  def installed(root, version, releases) do
    case Enum.find(releases, &(&1.version == version)) do
      nil -> {:error, Error.release_not_found(version)}
      %{name: name} when name == root.name -> :ok
      %{name: name} -> {:error, other_release(root, version, name)}
    end
  end

  defp other_release(root, version, name) do
    Error.new(:other_release, "version #{version} is one of the release #{name}, and #{root.name} runs here",
      suggestions: ["build #{root.name} in that version and install its archive"]
    )
  end

  @doc """
  What is allowed and may yet not be meant: a version below the one that runs.

      iex> [warning] = Bloom.Validator.Compatibility.warnings("1.1.0", "1.0.0")
      iex> warning.message
      "release 1.0.0 is older than 1.1.0, which runs"
      iex> Bloom.Validator.Compatibility.warnings("1.0.0", "1.1.0")
      []
  """
  @spec warnings(running :: String.t(), target :: String.t()) :: [Plan.reason()]
  def warnings(running, target) do
    case Relup.sides(running, target) do
      %{direction: :down} ->
        message = "release #{target} is older than #{running}, which runs"
        [%{code: "downgrade", message: message, application: nil, module: nil}]

      %{direction: :up} ->
        []
    end
  end
end
