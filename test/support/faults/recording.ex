defmodule Bloom.Test.Faults.Recording do
  @moduledoc "A run of a scenario without a fault, with every operation on the file system written down."

  alias Bloom.Test.Faults.{Disk, Interposer, Life, Log, Scenario, Site, Verdict}

  @enforce_keys [:scenario, :base, :armed, :operations, :processes]
  defstruct [:scenario, :base, :armed, :operations, :processes]

  @typedoc """
  `base` is the prepared root, `armed` the root as it was when the operation was asked for, and `processes` are the names
  of Bloom's processes.
  """
  @type t :: %__MODULE__{
          scenario: Scenario.t(),
          base: Path.t(),
          armed: Path.t(),
          operations: [Log.operation()],
          processes: [String.t()]
        }

  @doc "Records a scenario; raises where it does not go as it should when nothing is wrong."
  @spec make!(Scenario.t(), Site.t()) :: t()
  def make!(scenario, site) do
    base = Scenario.prepare!(scenario, site)
    root = Site.root(site, "recorded-#{scenario.name}")
    armed = Site.root(site, "armed-#{scenario.name}")
    {node, interposer} = Life.start!(site, scenario, base, root)
    Site.copy!(root, armed)
    processes = node |> Life.processes() |> Map.keys()

    Interposer.arm(interposer, :record)
    answer = node |> Life.ask(scenario) |> Life.answer()
    lost = Verdict.of(node, site, [scenario.ends_on])
    Interposer.disarm(interposer)
    Life.stop(node)

    if not answered?(scenario.answer, answer) or lost != [],
      do: raise("#{scenario.name} answers #{inspect(answer)} when nothing is wrong; lost: #{inspect(lost)}")

    operations = Log.read(interposer.log, root)
    %__MODULE__{scenario: scenario, base: base, armed: armed, operations: operations, processes: processes}
  end

  defp answered?(:error, {:error, _text}), do: true
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
    if Enum.any?(recording.operations, &(&1.number != nil and &1.number >= at)),
      do: Enum.uniq([scenario.from, scenario.to]),
      else: [scenario.ends_on]
  end
end
