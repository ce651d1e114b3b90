defmodule Bloom.Config do
  @moduledoc """
  Every option of the `:bloom` application: its type, its default and what it means.

  Options are read at the moment of use, so a change of the application environment counts at once.
  `validate!/0` runs when Bloom starts and refuses a wrong value with the option's name.
  """

  @schema [
    app_name: [
      type: {:or, [:atom, :string]},
      default: nil,
      doc: "Name of the release. Default: the name of the release that runs."
    ],
    releases_dir: [
      type: :string,
      default: nil,
      doc: "Directory where archives are looked for. Default: `releases` in the release's root."
    ],
    app_root: [
      type: :string,
      default: nil,
      doc: "Directory of Bloom's journal, `bloom.db`. Default: the release's root; without a release it is in memory."
    ],
    release_handler: [
      type: :module,
      default: Bloom.ReleaseHandler.OTP,
      doc: "The `Bloom.ReleaseHandler` that switches. `Bloom.MockReleaseHandler` in test suites."
    ],
    skip_file_checks: [
      type: :boolean,
      default: false,
      doc: "Skip everything that needs files and a real release. Only for test suites with the mock."
    ],
    health_checks: [
      type: :keyword_list,
      default: [],
      doc: "Health checks by name: functions without arguments or `{module, function, arguments}`."
    ],
    health_check_timeout_ms: [
      type: :pos_integer,
      default: 5_000,
      doc: "How long one health check may take, in milliseconds."
    ],
    busy_timeout_ms: [
      type: :pos_integer,
      default: 1_000,
      doc: "How long a supervisor or a process to be upgraded may take to answer before the switch, in milliseconds."
    ],
    old_code_timeout_ms: [
      type: :non_neg_integer,
      default: 5_000,
      doc: "How long to wait for processes to leave old code, in milliseconds. They are never killed."
    ],
    rehearsal: [
      type: :boolean,
      default: true,
      doc: "Try code_change on copies of live state in a VM beside the node before the switch."
    ],
    rehearsal_timeout_ms: [
      type: :pos_integer,
      default: 60_000,
      doc: "How long the VM beside the node may take, in milliseconds."
    ],
    include_error_suggestions: [
      type: :boolean,
      default: true,
      doc: "Whether error messages end with what to do next."
    ]
  ]

  @doc "The schema: a keyword list of options with `:type`, `:default` and `:doc`."
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

  @doc "Raises `ArgumentError` with the option's name where the application environment holds a wrong value."
  @spec validate!() :: :ok
  def validate! do
    for {option, spec} <- @schema, {:ok, value} <- [Application.fetch_env(:bloom, option)] do
      case validate(option, value, spec) do
        :ok -> :ok
        {:error, message} -> raise ArgumentError, message
      end
    end

    :ok
  end

  @doc """
  Checks one value against the schema.

      iex> Bloom.Config.validate(:busy_timeout_ms, 500)
      :ok
      iex> Bloom.Config.validate(:busy_timeout_ms, -1)
      {:error, "expected config :bloom, :busy_timeout_ms to be a positive integer, got: -1"}
  """
  @spec validate(atom(), term()) :: :ok | {:error, String.t()}
  def validate(option, value), do: validate(option, value, Keyword.fetch!(@schema, option))

  defp validate(option, value, spec) do
    if value == spec[:default] or valid?(spec[:type], value) do
      :ok
    else
      {:error, "expected config :bloom, #{inspect(option)} to be #{describe(spec[:type])}, got: #{inspect(value)}"}
    end
  end

  defp valid?({:or, types}, value), do: Enum.any?(types, &valid?(&1, value))
  defp valid?(:atom, value), do: is_atom(value)
  defp valid?(:module, value), do: is_atom(value)
  defp valid?(:string, value), do: is_binary(value)
  defp valid?(:boolean, value), do: is_boolean(value)
  defp valid?(:pos_integer, value), do: is_integer(value) and value > 0
  defp valid?(:non_neg_integer, value), do: is_integer(value) and value >= 0
  defp valid?(:keyword_list, value), do: Keyword.keyword?(value)

  defp describe({:or, types}), do: Enum.map_join(types, " or ", &describe/1)
  defp describe(:atom), do: "an atom"
  defp describe(:module), do: "a module"
  defp describe(:string), do: "a string"
  defp describe(:boolean), do: "true or false"
  defp describe(:pos_integer), do: "a positive integer"
  defp describe(:non_neg_integer), do: "an integer that is not negative"
  defp describe(:keyword_list), do: "a keyword list"
end
