defmodule Bloom.Test.Faults.Point do
  @moduledoc """
  One point of the matrix: one scenario, one fault, one place.

  A point is named `SCENARIO:FAULT:N`, where N is the operation on the file system before which the fault strikes, by
  the count of the launcher and the VM. Faults are

    * `kill` - SIGKILL of the VM, as by the kernel that is out of memory;
    * `stop` - SIGSTOP, and what a watchdog does when nothing moves any more: SIGKILL. On trial, the boot guard's;
    * `full` - the disk is full from there on until the operation has given up, then it has space again;
    * `full-boot` - SIGKILL, and the disk is full when the node starts again, for a while;
    * `small-disk` - as `full`, on a real file system, where N is how many KiB are left;
    * `exit-PROCESS` - a process of Bloom is killed while the operation waits there;
    * `power-strict`, `power-ordered`, `power-torn` - the power fails there: see `Bloom.Test.Faults.Disk`.
  """

  alias Bloom.Test.Faults.{Disk, Log, Recording, Scenario, Site, Strike}

  @enforce_keys [:scenario, :fault, :at]
  defstruct [:scenario, :fault, :at, :operation]

  @type fault :: :kill | :stop | :full | :full_boot | :small_disk | {:exit, String.t()} | {:power, Disk.model()}

  @typedoc "`operation` describes what the recording has at this place."
  @type t :: %__MODULE__{scenario: String.t(), fault: fault(), at: non_neg_integer(), operation: String.t() | nil}

  @plain [:kill, :stop, :full, :full_boot, :small_disk, {:power, :strict}, {:power, :ordered}, {:power, :torn}]

  @doc "The name by which a point can be repeated."
  @spec name(t()) :: String.t()
  def name(%__MODULE__{} = point), do: "#{point.scenario}:#{fault_name(point.fault)}:#{point.at}"

  @doc "The name of a fault."
  @spec fault_name(fault()) :: String.t()
  def fault_name({:exit, process}), do: "exit-#{process}"
  def fault_name({:power, model}), do: "power-#{model}"
  def fault_name(fault), do: fault |> Atom.to_string() |> String.replace("_", "-")

  @doc "The point of a name; the recordings say what happens there."
  @spec parse!(String.t(), [Recording.t()]) :: t()
  def parse!(name, recordings) do
    with [scenario, fault, at] <- String.split(name, ":"),
         {at, ""} <- Integer.parse(at),
         %{operations: operations} <- Enum.find(recordings, &(&1.scenario.name == scenario)),
         fault when fault != nil <- parse_fault(fault) do
      operation = Enum.find(operations, &(&1.number == at))
      %__MODULE__{scenario: scenario, fault: fault, at: at, operation: operation && Log.describe(operation)}
    else
      _other -> raise ArgumentError, "a point is SCENARIO:FAULT:N, as a lost one is printed, not #{name}"
    end
  end

  defp parse_fault("exit-" <> process), do: {:exit, process}
  defp parse_fault(name), do: Enum.find(@plain, &(fault_name(&1) == name))

  @doc "Runs a point. The answer is every reason why it was lost, or none, or `:missed`: it struck nothing."
  @spec run(t(), Recording.t(), Site.t()) :: [String.t()] | :missed
  def run(%__MODULE__{} = point, recording, site) do
    root = Site.root(site, String.replace(name(point), ":", "-"))
    lost = Strike.run(point.fault, point.at, recording, site, root)
    Site.remove!(root)
    if Scenario.database?(recording.scenario), do: Site.drop_database!(root)
    lost
  catch
    # What goes wrong in the harness is no proof of anything, so the point counts as lost.
    kind, reason -> ["the point could not be judged: " <> Exception.format(kind, reason, __STACKTRACE__)]
  end
end
