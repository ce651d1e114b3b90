defmodule Bloom.Test.Faults.Interposer do
  @moduledoc """
  The library that stands between a node and its file system, as the tests handle it.

  It is built with the C compiler from `test/faults/interposer/`, goes into a node by `LD_PRELOAD`, and does nothing
  before it is armed.
  """

  @sources Path.expand("../../faults/interposer", __DIR__)

  @typedoc "What is done to the VM before the operation of that number; `:record` strikes nowhere."
  @type strike :: :record | {:kill | :kill_full | :stop | :full | :pause, pos_integer()}

  @enforce_keys [:root, :log, :arm, :library]
  defstruct [:root, :log, :arm, :library]

  @type t :: %__MODULE__{root: Path.t(), log: Path.t(), arm: Path.t(), library: Path.t()}

  @doc "Builds the library into a directory and returns its path."
  @spec build!(Path.t()) :: Path.t()
  def build!(dir) do
    library = Path.join(dir, "faults.so")
    sources = Path.wildcard(Path.join(@sources, "*.c"))
    flags = ~w(-std=gnu11 -O2 -Wall -Wextra -Werror -fPIC -shared -pthread -o) ++ [library]
    {output, status} = System.cmd("cc", flags ++ sources, stderr_to_stdout: true)
    if status != 0, do: raise("test/faults/interposer does not compile:\n#{output}")
    library
  end

  @doc "The interposer for a node below `root`, with its files beside the root."
  @spec new(Path.t(), Path.t()) :: t()
  def new(library, root) do
    %__MODULE__{root: root, log: root <> ".log", arm: root <> ".arm", library: library}
  end

  @doc "What the node has to be started with."
  @spec env(t()) :: [{String.t(), String.t()}]
  def env(%__MODULE__{} = interposer) do
    [
      {"LD_PRELOAD", interposer.library},
      {"FAULTS_ROOT", interposer.root},
      {"FAULTS_LOG", interposer.log},
      {"FAULTS_ARM", interposer.arm}
    ]
  end

  @doc "From now on operations count."
  @spec arm(t(), strike()) :: :ok
  def arm(%__MODULE__{arm: path}, strike) do
    # As a whole: the node may look at any moment.
    File.write!(path <> ".new", text(strike))
    File.rename!(path <> ".new", path)
  end

  @doc "From now on nothing counts and nothing fails."
  @spec disarm(t()) :: :ok
  def disarm(%__MODULE__{arm: path}), do: File.rm!(path)

  @doc "Lets an operation that waits go on."
  @spec release(t()) :: :ok
  def release(%__MODULE__{arm: path}), do: File.rm!(path <> ".paused")

  @doc "How many operations there were since it was armed for the first time."
  @spec count(t()) :: non_neg_integer()
  def count(%__MODULE__{arm: path}) do
    case File.read(path <> ".count") do
      {:ok, <<count::native-32>>} -> count
      {:error, :enoent} -> 0
    end
  end

  @doc "Whether a VM waits in front of an operation."
  @spec paused?(t()) :: boolean()
  def paused?(%__MODULE__{arm: path}), do: File.exists?(path <> ".paused")

  defp text(:record), do: "0 record"
  defp text({action, number}), do: "#{number} #{action}"
end
