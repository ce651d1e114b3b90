defmodule Bloom.HealthChecker do
  @moduledoc """
  Asks the application whether it is well.

  ## Checks

  They come from the option `health_checks` and from `register_check/3`:

      config :bloom,
        health_checks: [
          database: {MyApp.Health, :database, []},
          mail: {{MyApp.Health, :mail, []}, critical: false}
        ]

      Bloom.HealthChecker.register_check(:cache, &MyApp.Health.cache/0)

  A check is a function without arguments or `{module, function, arguments}`. The latter survives upgrades better: a
  function value is tied to the code that made it, unless it is a capture such as `&MyApp.Health.cache/0`. A check
  answers `:ok` or `true`, or `false` or `{:error, reason}`.

  Checks run at the same time, each in a process of its own with a time limit: one that raises, throws, exits, hangs or
  answers nonsense has failed, and harms nothing.

  A check is critical unless it says otherwise: a release whose critical checks fail after a switch is taken back.

  ## Built in

  | name | passes when | critical |
  | --- | --- | --- |
  | `application` | the application that `app_name` or the release names runs | yes |
  | `required_applications` | those of the option run | yes |
  | `memory` | the VM holds at most `memory_threshold_bytes`, and at most `max_memory_ratio` of all memory is taken | yes |
  | `processes` | there are at least `min_processes` | yes |
  | `process_ratio` | at most `max_process_ratio` of the VM's limit is taken | yes |
  | `disk` | `min_disk_space_mb` are free where the releases are | no |
  | `message_queues` | no more than `max_message_queue_length` messages wait for a process | no |
  | `scheduler_delay` | a new process runs within `max_scheduler_delay_ms` | no |

  Critical are those that a bad release breaks and the old one mends. Going back frees no disk; and a switch itself makes
  messages wait and keeps schedulers busy for a moment, which would take back good releases. `Bloom.SafetyMonitor`
  judges schedulers over time instead.

  A check of one's own with the same name takes the place of a built-in one. See `Bloom.HealthChecker.VM` and
  `Bloom.HealthChecker.Machine` for what each measures; so a built-in check can be made critical:

      config :bloom, health_checks: [disk: {Bloom.HealthChecker.Machine, :disk, []}]
  """

  alias Bloom.Config
  alias Bloom.HealthChecker.{Check, Machine, Registry, VM}

  @type check :: Bloom.Isolated.code()
  @type result :: %{
          name: atom(),
          critical: boolean(),
          result: :ok | {:error, String.t()},
          duration_ms: non_neg_integer()
        }

  @built_in [
    application: {VM, :application, []},
    required_applications: {VM, :required_applications, []},
    memory: {Machine, :memory, []},
    processes: {VM, :processes, []},
    process_ratio: {VM, :process_ratio, []},
    disk: {{Machine, :disk, []}, critical: false},
    message_queues: {{VM, :message_queues, []}, critical: false},
    scheduler_delay: {{VM, :scheduler_delay, []}, critical: false}
  ]

  @doc """
  Registers a check, in place of one of the same name, for as long as Bloom runs.

  With `critical: false` it never takes a release back.
  """
  @spec register_check(atom(), check(), critical: boolean()) :: :ok | {:error, String.t()}
  def register_check(name, check, opts \\ []) when is_atom(name) and is_list(opts) do
    with {:ok, check} <- Check.new(name, {check, opts}), do: Registry.put(check)
  end

  @doc "Forgets a check that was registered. A built-in one of the same name is back in its place."
  @spec unregister_check(atom()) :: :ok
  def unregister_check(name) when is_atom(name), do: Registry.delete(name)

  @doc "Whether all checks pass."
  @spec run_checks() :: boolean()
  def run_checks, do: Enum.all?(results(), &(&1.result == :ok))

  @doc "Whether the critical checks pass, which decide about a release after a switch."
  @spec post_switch_health_check() :: boolean()
  def post_switch_health_check, do: verdict() == :ok

  @doc "`:ok`, or in words which critical checks failed and why."
  @spec verdict() :: :ok | {:error, String.t()}
  def verdict do
    results = checks() |> Enum.filter(& &1.critical) |> Check.run()

    case for(%{result: {:error, why}, name: name} <- results, do: "health check #{name} failed: #{why}") do
      [] -> :ok
      failures -> {:error, Enum.join(failures, "; ")}
    end
  end

  @doc "Runs all checks; each result has its name, what came of it, whether it is critical and how long it took."
  @spec results() :: [result()]
  def results, do: Check.run(checks())

  defp checks do
    case Config.get(:health_checks) do
      entries when is_list(entries) -> @built_in |> merge(entries) |> replace(Registry.all())
      other -> [unusable(:health_checks, "expected a keyword list of health checks, got: #{inspect(other)}")]
    end
  end

  # Config was validated at the start, but an upgrade may have brought another since.
  defp merge(built_in, entries) do
    {named, nameless} = Enum.split_with(entries, &match?({name, _check} when is_atom(name), &1))
    checks = for {name, entry} <- Keyword.merge(built_in, named), do: check(name, entry)

    checks ++
      for(entry <- nameless, do: unusable(:health_checks, "expected a name and a check, got: #{inspect(entry)}"))
  end

  defp check(name, entry) do
    case Check.new(name, entry) do
      {:ok, check} -> check
      {:error, why} -> unusable(name, why)
    end
  end

  defp unusable(name, why), do: %Check{name: name, code: {__MODULE__, :unusable, [why]}, critical: true}

  @doc false
  def unusable(why), do: {:error, why}

  defp replace(checks, registered) do
    names = MapSet.new(registered, & &1.name)
    Enum.reject(checks, &(&1.name in names)) ++ registered
  end
end
