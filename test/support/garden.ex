defmodule Bloom.Test.Garden do
  @moduledoc "The application that everything is proven on: builds its versions with its own command."

  @build Path.expand("../../examples/garden/build", __DIR__)

  @doc "The archives of some versions, built where they are not there yet, by version."
  @spec archives([String.t()]) :: %{String.t() => Path.t()}
  def archives(versions) do
    # Garden is built in an environment of its own, not in that of the test run.
    case System.cmd(@build, versions, env: [{"MIX_ENV", nil}, {"MIX_BUILD_PATH", nil}]) do
      {paths, 0} -> versions |> Enum.zip(String.split(paths)) |> Map.new()
      {_output, status} -> raise "examples/garden/build ended with status #{status}; see what it printed above"
    end
  end

  @doc "The archive of one version."
  @spec archive(String.t()) :: Path.t()
  def archive(version), do: Map.fetch!(archives([version]), version)
end
