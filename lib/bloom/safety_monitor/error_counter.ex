defmodule Bloom.SafetyMonitor.ErrorCounter do
  @moduledoc """
  Counts errors by the second, for the last eight minutes.

  A ring of atomics, one for each second: the process that logs an error adds to it without asking anybody. A slot
  holds its second beside the count, so that it starts again from nothing when its turn comes round.
  """

  import Bitwise

  @slots 512
  @count_bits 24
  @remembered 1024

  @enforce_keys [:ring, :crashed, :since]
  defstruct [:ring, :crashed, :since]

  @typedoc "`since` is the second that it was made in."
  @type t :: %__MODULE__{
          ring: :atomics.atomics_ref(),
          crashed: :atomics.atomics_ref(),
          since: non_neg_integer()
        }

  @doc "The one of this VM. It outlives the processes that use it."
  @spec shared() :: t()
  def shared do
    with nil <- :persistent_term.get(__MODULE__, nil) do
      counter = new(now())
      :persistent_term.put(__MODULE__, counter)
      counter
    end
  end

  @doc """
  An empty one.

      iex> counter = Bloom.SafetyMonitor.ErrorCounter.new(100)
      iex> Bloom.SafetyMonitor.ErrorCounter.add(counter, 101)
      iex> Bloom.SafetyMonitor.ErrorCounter.count(counter, 100..160)
      1
  """
  @spec new(non_neg_integer()) :: t()
  def new(second) do
    %__MODULE__{
      ring: :atomics.new(@slots, signed: false),
      crashed: :atomics.new(@remembered, signed: false),
      since: second
    }
  end

  @doc "The second it is, counted from the start of the VM."
  @spec now() :: non_neg_integer()
  def now do
    System.convert_time_unit(System.monotonic_time() - :erlang.system_info(:start_time), :native, :second)
  end

  @doc "Counts an error."
  @spec add(t(), non_neg_integer()) :: :ok
  def add(%__MODULE__{ring: ring} = counter, second) do
    slot = rem(second, @slots) + 1
    found = :atomics.get(ring, slot)

    if found >>> @count_bits == second do
      :atomics.add(ring, slot, 1)
    else
      fresh = second <<< @count_bits ||| 1
      if :atomics.compare_exchange(ring, slot, found, fresh) == :ok, do: :ok, else: add(counter, second)
    end
  end

  @doc """
  Counts the crash of a process once, however many reports there are of it: its own, that of `:proc_lib` and that
  of its supervisor.
  """
  @spec add_crash(t(), pid(), non_neg_integer()) :: :ok
  def add_crash(%__MODULE__{crashed: crashed} = counter, pid, second) do
    mark = :erlang.phash2(pid, 1 <<< 32) + 1
    slot = rem(mark, @remembered) + 1
    if :atomics.exchange(crashed, slot, mark) == mark, do: :ok, else: add(counter, second)
  end

  @doc "How many there were in a range of seconds that ends now or did so lately."
  @spec count(t(), Range.t()) :: non_neg_integer()
  def count(%__MODULE__{} = counter, seconds), do: counter |> counts(seconds) |> Enum.sum()

  @doc "How many there were in each second of a range."
  @spec counts(t(), Range.t()) :: [non_neg_integer()]
  def counts(%__MODULE__{ring: ring}, first..last//_step) do
    for second <- first..last//1, second >= 0 do
      found = :atomics.get(ring, rem(second, @slots) + 1)
      if found >>> @count_bits == second, do: found &&& (1 <<< @count_bits) - 1, else: 0
    end
  end
end
