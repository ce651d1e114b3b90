defmodule Bloom.Config.Effective do
  @moduledoc "What counts: the value of every option, and where it comes from."

  alias Bloom.Config
  alias Bloom.Config.{Files, Source}

  @typedoc "`problem` is what is wrong with the value. One that is `secret` must not be shown."
  @type entry :: %{
          option: atom(),
          value: term(),
          source: Source.t(),
          secret: boolean(),
          problem: String.t() | nil
        }

  @doc """
  Every option in the order of the schema, then what is set and is none.

  What the application environment holds and the files do not say was put there at run time. A node that runs a release
  has no such files, and everything that is set comes from its environment.

      iex> entries = Bloom.Config.Effective.entries(Bloom.Config.Effective.no_files(), probation_ms: 0)
      iex> for %{source: :environment} = entry <- entries, do: {entry.option, entry.value}
      [probation_ms: 0]
  """
  @spec entries(Files.t(), keyword()) :: [entry(), ...]
  def entries(files, env) do
    known = Keyword.keys(Config.schema())
    others = Enum.uniq(Keyword.keys(files.resolved) ++ Keyword.keys(env)) -- [:included_applications | known]
    for option <- known ++ Enum.sort(others), do: entry(option, files, env)
  end

  @doc """
  What is wrong, a sentence each: with single values, and with values that do not go together.

      iex> entries = Bloom.Config.Effective.entries(Bloom.Config.Effective.no_files(), require_authentication: true)
      iex> Bloom.Config.Effective.problems(entries)
      ["config :bloom, :require_authentication needs a :shared_secret of 16 bytes at least"]
  """
  @spec problems([entry()]) :: [String.t()]
  def problems(entries) do
    Config.problems(for %{source: source} = entry <- entries, source != :default, do: {entry.option, entry.value})
  end

  @doc "A configuration without files."
  @spec no_files() :: Files.t()
  def no_files, do: %{built: [], resolved: [], places: [], unread: []}

  defp entry(option, files, env) do
    {value, source} = value(option, files, env)
    # What nobody knows may be a secret with a slip in its name.
    secret = Keyword.get(Config.schema(), option, secret: true)[:secret] == true
    problem = with :ok <- Config.validate(option, value), do: nil, else: ({:error, problem} -> problem)
    %{option: option, value: value, source: source, secret: secret, problem: problem}
  end

  defp value(option, files, env) do
    written = Keyword.fetch(files.resolved, option)

    case Keyword.fetch(env, option) do
      {:ok, live} ->
        # Mix has put what it was built with; what runtime.exs says comes over it.
        if {:ok, live} in [written, Keyword.fetch(files.built, option)],
          do: written(option, files),
          else: {live, :environment}

      :error ->
        if written == :error, do: {Config.schema()[option][:default], :default}, else: written(option, files)
    end
  end

  defp written(option, files) do
    {path, line} = Keyword.fetch!(files.places, option)
    {Keyword.fetch!(files.resolved, option), {:file, path, line}}
  end
end
