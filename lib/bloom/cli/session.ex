defmodule Bloom.CLI.Session do
  @moduledoc "What every command needs: the node, where to write, and how long to wait for a node that restarts."

  alias Bloom.CLI.{Output, Remote}

  @enforce_keys [:remote, :output]
  defstruct [:remote, :output, timeout_ms: 600_000]

  @type t :: %__MODULE__{remote: Remote.t(), output: Output.t(), timeout_ms: pos_integer()}
end
