defmodule Bloom.Config do
  @moduledoc """
  Every option of the `:bloom` application: its type, its default and what it means.

  Options are read at the moment of use, so a change of the application environment counts at once.
  `validate!/0` runs when Bloom starts and refuses a wrong value, or an option that there is not, by its name. The
  configuration of a release is looked at in the same way before the release is switched to, by that release's own Bloom.
  """

  alias Bloom.Config
  alias Bloom.Config.Type

  # The order is the one of README's table.
  @sections [
    Config.General,
    Config.Validation,
    Config.Health,
    Config.Safety,
    Config.Deployment,
    Config.Hooks,
    Config.Lifecycle,
    Config.Errors,
    Config.RPC,
    Config.Database
  ]

  @schema Enum.flat_map(@sections, & &1.schema())

  # Of every application, put there by OTP or Mix.
  @not_options [:included_applications]

  # From which likeness on a name is taken for a slip of another one.
  @likeness 0.8

  @doc "The schema: a keyword list of options with `:type`, `:default`, `:doc` and, of what must not be shown, `:secret`."
  @spec schema() :: keyword()
  def schema, do: @schema

  @doc """
  The value of an option, or its default.

      iex> Bloom.Config.get(:old_code_timeout_ms)
      5000
  """
  @spec get(atom()) :: term()
  def get(option) do
    Application.get_env(:bloom, option, Keyword.fetch!(@schema, option)[:default])
  end

  @doc """
  The value of an option if it is valid, else its default: for those who must not fall over a configuration that
  came with an upgrade.

      iex> Bloom.Config.get_valid(:max_response_time_ms)
      5000
  """
  @spec get_valid(atom()) :: term()
  def get_valid(option) do
    value = get(option)
    if validate(option, value) == :ok, do: value, else: Keyword.fetch!(@schema, option)[:default]
  end

  @doc "Raises `ArgumentError` with what is wrong in the application environment."
  @spec validate!() :: :ok
  def validate! do
    case problems(Application.get_all_env(:bloom)) do
      [] -> :ok
      problems -> raise ArgumentError, Enum.join(problems, "; ")
    end
  end

  @doc """
  What is wrong in an environment of the `:bloom` application, a sentence each.

      iex> Bloom.Config.problems(probation_ms: 1_000, probation: 1_000)
      ["unknown option config :bloom, :probation, did you mean :probation_ms?"]
  """
  @spec problems(keyword()) :: [String.t()]
  def problems(env) do
    wrong =
      for {option, value} <- Enum.sort(env),
          option not in @not_options,
          {:error, problem} <- [validate(option, value)] do
        problem
      end

    wrong ++ Config.RPC.problems(env)
  end

  @doc """
  Checks one value against the schema.

      iex> Bloom.Config.validate(:busy_timeout_ms, 500)
      :ok
      iex> Bloom.Config.validate(:busy_timeout_ms, -1)
      {:error, "expected config :bloom, :busy_timeout_ms to be a positive integer, got: -1"}
  """
  @spec validate(atom(), term()) :: :ok | {:error, String.t()}
  def validate(option, value) do
    case Keyword.fetch(@schema, option) do
      {:ok, spec} -> validate(option, value, spec)
      :error -> {:error, "unknown option config :bloom, #{inspect(option)}" <> did_you_mean(option)}
    end
  end

  defp validate(option, value, spec) do
    if value == spec[:default] or Type.valid?(spec[:type], value) do
      :ok
    else
      {:error,
       "expected config :bloom, #{inspect(option)} to be #{Type.words(spec[:type])}, got: #{shown(value, spec[:secret])}"}
    end
  end

  defp did_you_mean(option) do
    {like, likeness} =
      @schema
      |> Enum.map(fn {known, _spec} -> {known, String.jaro_distance(Atom.to_string(known), Atom.to_string(option))} end)
      |> Enum.max_by(fn {_known, likeness} -> likeness end)

    if likeness >= @likeness, do: ", did you mean #{inspect(like)}?", else: ""
  end

  defp shown(nil, true), do: "nil"
  defp shown(_value, true), do: "[secret]"
  defp shown(value, _open), do: inspect(value)
end
