defmodule Bloom.Config do
  @moduledoc """
  Every option of the `:bloom` application: its type, its default and what it means.

  Options are read at the moment of use, so a change of the application environment counts at once.
  `validate!/0` runs when Bloom starts and refuses a wrong value with the option's name.
  """

  @general [
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
      type: {:custom, Bloom.HealthChecker.Check, :entries?, "a keyword list of health checks"},
      default: [],
      doc: "Health checks by name: `check` or `{check, critical: false}`, see `Bloom.HealthChecker`."
    ],
    health_check_timeout_ms: [
      type: :pos_integer,
      default: 5_000,
      doc: "How long one health check may take, in milliseconds."
    ],
    required_applications: [
      type: {:list, :atom},
      default: [],
      doc: "Applications that must be running."
    ],
    memory_threshold_bytes: [
      type: :pos_integer,
      default: nil,
      doc: "How much memory the VM may hold. Default: no limit of its own, see `max_memory_ratio`."
    ],
    max_memory_ratio: [
      type: :ratio,
      default: 0.95,
      doc: "How much of the container's or service's memory, else of the machine's, may be taken."
    ],
    min_processes: [
      type: :non_neg_integer,
      default: 10,
      doc: "How many processes there must be at least."
    ],
    max_process_ratio: [
      type: :ratio,
      default: 0.9,
      doc: "How much of the VM's limit of processes may be taken."
    ],
    min_disk_space_mb: [
      type: :non_neg_integer,
      default: 500,
      doc: "How much must be free where releases are, in megabytes."
    ],
    max_message_queue_length: [
      type: :pos_integer,
      default: 100_000,
      doc: "How many messages may wait for one process."
    ],
    max_scheduler_delay_ms: [
      type: :pos_integer,
      default: 500,
      doc: "How long a new process may wait until it runs, in milliseconds."
    ],
    max_error_rate_per_minute: [
      type: :non_neg_integer,
      default: 10,
      doc: "How many errors a minute a new release may log while it is on probation, see `Bloom.SafetyMonitor`."
    ],
    max_response_time_ms: [
      type: :pos_integer,
      default: 5_000,
      doc: "How long a response probe may take while a new release is on probation, in milliseconds."
    ],
    response_probes: [
      type: {:custom, Bloom.SafetyMonitor.Probe, :entries?, "a keyword list of response probes"},
      default: [],
      doc: "What is asked every second, by name: `{module, function, arguments}` or `\"http://127.0.0.1:4000/health\"`."
    ],
    response_probe_timeout_ms: [
      type: :pos_integer,
      default: 10_000,
      doc: "After how long a response probe without an answer has failed, in milliseconds."
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
    probation_ms: [
      type: :non_neg_integer,
      default: 60_000,
      doc: "How long a new release is watched after a switch before it is committed, in milliseconds."
    ],
    health_check_interval_ms: [
      type: :pos_integer,
      default: 10_000,
      doc: "How often the critical health checks run during probation, in milliseconds."
    ],
    trial_timeout_ms: [
      type: :pos_integer,
      default: 120_000,
      doc: "How long a release on trial may take after a restart until its checks have passed, in milliseconds."
    ],
    restarted_by: [
      type: :string,
      default: nil,
      doc: "What starts the node again when it ends, in words, where it is neither systemd nor heart."
    ],
    restart_stop_timeout_ms: [
      type: :pos_integer,
      default: 30_000,
      doc: "How long the node may take to stop for a restart before it is killed, in milliseconds."
    ],
    rollback_failure_callback: [
      type: {:or, [:callback, :mfa]},
      default: nil,
      doc:
        "Called with a map (`:code`, `:message`, `:operation`, `:version`, `:running`) when a release could not be taken back."
    ],
    auto_cleanup_enabled: [
      type: :boolean,
      default: true,
      doc: "Remove old releases before an installation and after a commit, see `Bloom.LifecycleManager`."
    ],
    release_retention_count: [
      type: :pos_integer,
      default: 5,
      doc: "How many releases a cleanup keeps, latest first, beside those that are never removed."
    ],
    disk_space_warning_threshold: [
      type: :percent,
      default: 85,
      doc: "From how many percent of the disk on Bloom warns in the log."
    ],
    include_error_suggestions: [
      type: :boolean,
      default: true,
      doc: "Whether error messages end with what to do next."
    ]
  ]

  @schema @general ++ Bloom.Config.Database.schema()

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
  defp valid?(:callback, value), do: is_function(value, 1)
  defp valid?(:mfa, {module, function, arguments}), do: is_atom(module) and is_atom(function) and is_list(arguments)
  defp valid?(:mfa, _value), do: false
  defp valid?(:ratio, value), do: is_number(value) and value > 0 and value <= 1
  defp valid?(:percent, value), do: is_number(value) and value > 0 and value <= 100
  defp valid?({:in, values}, value), do: value in values
  defp valid?({:list, type}, value), do: is_list(value) and Enum.all?(value, &valid?(type, &1))
  defp valid?({:custom, module, function, _what}, value), do: apply(module, function, [value])

  defp describe({:or, types}), do: Enum.map_join(types, " or ", &describe/1)
  defp describe(:atom), do: "an atom"
  defp describe(:module), do: "a module"
  defp describe(:string), do: "a string"
  defp describe(:boolean), do: "true or false"
  defp describe(:pos_integer), do: "a positive integer"
  defp describe(:non_neg_integer), do: "an integer that is not negative"
  defp describe(:callback), do: "a function of one argument"
  defp describe(:mfa), do: "{module, function, arguments}"
  defp describe(:ratio), do: "a number above 0 and up to 1"
  defp describe(:percent), do: "a percentage above 0 and up to 100"
  defp describe({:in, values}), do: "one of " <> inspect(values)
  defp describe({:list, :atom}), do: "a list of atoms"
  defp describe({:custom, _module, _function, what}), do: what
end
