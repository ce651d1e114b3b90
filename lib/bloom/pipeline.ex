defmodule Bloom.Pipeline do
  @moduledoc """
  Programs of the operating system in a row, the output of each the input of the next, with a compressed file at
  either end where that is wanted.

  Each program runs in a process group of its own and exactly in the environment it is given. All of them and what
  they have started are killed at the time limit, when the run is cancelled and when the calling process dies. What
  passes through never is in the VM's memory, except for a text that is asked for.
  """

  alias Bloom.{Error, Native}

  @typedoc """
  A program. It reads `before` first, and `after` last: only when everything in front of it has ended well, so that
  it can be a `COMMIT`. Secrets belong into the environment and nowhere else.
  """
  @type command :: %{
          required(:program) => Path.t(),
          required(:arguments) => [String.t()],
          required(:environment) => [{String.t(), String.t()}],
          optional(:before) => String.t(),
          optional(:after) => String.t()
        }

  @typedoc """
  What the first program reads, and where the output of the last one goes. A file is zstd or gzip; one that is written is
  there, durable, when all programs have ended well, and else is not.

  `expected` bytes of output are the total that progress is told with; where a file is read, its own bytes are.
  """
  @type option ::
          {:from, Path.t()}
          | {:to, {Path.t(), :zstd | :gzip}}
          | {:timeout_ms, pos_integer()}
          | {:expected, non_neg_integer()}
          | {:watch, Native.watch()}

  @typedoc "How a program has ended, and the last that it wrote to its standard error."
  @type exit :: %{program: String.t(), status: integer() | nil, signal: integer() | nil, stderr: String.t()}

  @typedoc "A file that was written; `contents` is its size uncompressed."
  @type written :: %{bytes: non_neg_integer(), sha256: String.t(), contents: non_neg_integer()}

  @typedoc "Without an output, one of the programs has failed."
  @type outcome :: %{exits: [exit()], output: nil | binary() | written()}

  @text_limit 64 * 1024 * 1024

  @doc """
  Runs them.

      iex> upcase = %{program: "/usr/bin/tr", arguments: ["a-z", "A-Z"], environment: [], before: "bloom"}
      iex> {:ok, %{output: output}} = Bloom.Pipeline.run([upcase])
      iex> output
      "BLOOM"
  """
  @spec run([command(), ...], [option()]) :: {:ok, outcome()} | {:error, Error.t()}
  def run([_ | _] = commands, opts \\ []) do
    # The VM ignores it, and the kernel then forgets how a program has ended.
    :os.set_signal(:sigchld, :default)
    commands |> request(opts) |> Native.pipeline(opts[:watch] || %{})
  rescue
    # Their traces have the environments in them.
    error in [ArgumentError, ErlangError] -> raise ArgumentError, "not a pipeline: #{Exception.message(error)}"
  end

  defp request(commands, opts) do
    %{
      source: if(opts[:from], do: {:file, Path.expand(opts[:from])}, else: :nothing),
      commands: Enum.map(commands, &Map.merge(%{before: "", after: ""}, &1)),
      sink: sink(opts[:to]),
      timeout_ms: opts[:timeout_ms],
      expected: opts[:expected] || 0
    }
  end

  defp sink(nil), do: {:text, @text_limit}
  defp sink({path, compression}), do: {:file, Path.expand(path), compression}
end
