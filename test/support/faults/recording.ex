defmodule Bloom.Test.Faults.Recording do
  @moduledoc "A run of a scenario without a fault, with every operation on the file system written down."

  alias Bloom.Test.Faults.{Disk, Interposer, Life, Log, Scenario, Site, Verdict}

  @enforce_keys [:scenario, :base, :armed, :operations, :processes, :registered]
  defstruct [:scenario, :base, :armed, :operations, :processes, :registered]

  @typedoc """
  `base` is the prepared root, `armed` the root as it was when the operation was asked for, `processes` are the names of
  Bloom's processes, and `registered` the versions that were there in the end.
  """
  @type t :: %__MODULE__{
          scenario: Scenario.t(),
          base: Path.t(),
          armed: Path.t(),
          operations: [Log.operation()],
          processes: [String.t()],
          registered: [String.t()]
        }

  @doc "Records a scenario; raises where it does not go as it should when nothing is wrong."
  @spec make!(Scenario.t(), Site.t()) :: t()
  def make!(scenario, site) do
    base = Scenario.prepare!(scenario, site)
    root = Site.root(site, "recorded-#{scenario.name}")
    armed = Site.root(site, "armed-#{scenario.name}")
    {node, interposer} = Life.start!(site, scenario, base, root, :record)
    Site.copy!(if(Scenario.boot?(scenario), do: base, else: root), armed)
    processes = node |> Life.processes() |> Map.keys()

    answer = node |> Life.begin(scenario, interposer, :record) |> Life.answer()
    lost = Verdict.of(node, site, [scenario.ends_on])
    Interposer.disarm(interposer)
    trials = Verdict.trials(node)
    registered = Verdict.registered(node)
    Life.stop(node)

    if not answered?(scenario.answer, answer) or lost != [] or trials != expected_trials(scenario),
      do: raise("#{scenario.name} answers #{inspect(answer)} when nothing is wrong; lost: #{inspect(lost)}")

    %__MODULE__{
      scenario: scenario,
      base: base,
      armed: armed,
      operations: Log.read(interposer.log, root),
      processes: processes,
      registered: registered
    }
  end

  defp expected_trials(scenario), do: if(Scenario.restarts?(scenario), do: 1, else: 0)

  defp answered?(:error, {:error, _text}), do: true
  defp answered?({:removed, versions}, {:ok, %{removed: removed}}), do: versions == removed
  defp answered?(expected, answer), do: expected == answer

  @doc "The disk as it was before an operation."
  @spec disk_before(t(), pos_integer()) :: Disk.t()
  def disk_before(recording, at) do
    recording.operations
    |> Enum.take_while(&(&1.number == nil or &1.number < at))
    |> Enum.reduce(Disk.new(recording.armed), &Disk.apply(&2, &1))
  end

  @doc "Which versions may run after a fault at an operation; after the last one, what was promised does."
  @spec versions(t(), pos_integer()) :: [String.t()]
  def versions(%__MODULE__{scenario: scenario} = recording, at) do
    if after_all?(recording, at), do: [scenario.ends_on], else: Enum.uniq([scenario.from, scenario.to])
  end

  @doc "Whether a place is after the last operation."
  @spec after_all?(t(), pos_integer()) :: boolean()
  def after_all?(recording, at), do: not Enum.any?(recording.operations, &(&1.number != nil and &1.number >= at))

  @doc """
  How often a trial had been booted before an operation. The guard uses one up and makes that durable, so that the VM has
  started is sure only when there was an operation after the former.
  """
  @spec trials(t(), pos_integer()) :: non_neg_integer()
  def trials(recording, at) do
    Enum.count(
      recording.operations,
      &match?(%{kind: :rename, to: "releases/.bloom-trial.booted", number: number} when number + 1 < at, &1)
    )
  end
end
