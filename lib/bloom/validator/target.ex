defmodule Bloom.Validator.Target do
  @moduledoc "What a release says of its own configuration in the rehearsal, see `Bloom.Rehearsal`."

  alias Bloom.Error

  @doc """
  Whether the release's Bloom would start with its configuration, and whether the release has the applications that it
  requires.

      iex> answer = %{config: [bloom: [required_applications: [:kernel, :cowboy]], kernel: []], problems: []}
      iex> {:error, error} = Bloom.Validator.Target.check("1.1.0", answer)
      iex> error.message
      "release 1.1.0 does not contain cowboy, which its required_applications name"
  """
  @spec check(String.t(), %{:config => Bloom.AppEnv.env(), optional(atom()) => term()}) :: :ok | {:error, Error.t()}
  def check(version, answer) do
    # A Bloom that does not know the question has nothing to say.
    with :ok <- problems(version, Map.get(answer, :problems, [])), do: applications(version, answer.config)
  end

  defp problems(_version, []), do: :ok

  defp problems(version, problems) do
    {:error,
     Error.new(:invalid_config, "the configuration of release #{version} is refused: #{Enum.join(problems, "; ")}",
       details: %{problems: problems},
       suggestions: ["correct it and build the release again; the running release is untouched"]
     )}
  end

  defp applications(version, config) do
    case Keyword.get(config[:bloom] || [], :required_applications, []) -- Keyword.keys(config) do
      [] -> :ok
      missing -> {:error, missing(version, missing)}
    end
  end

  defp missing(version, missing) do
    Error.new(
      :required_application_missing,
      "release #{version} does not contain #{Enum.join(missing, ", ")}, which its required_applications name",
      details: %{applications: missing},
      suggestions: ["add it to the release, or take it out of required_applications; the running release is untouched"]
    )
  end
end
