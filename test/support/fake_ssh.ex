defmodule Bloom.Test.FakeSSH do
  @moduledoc """
  An `ssh` that stays on this machine: there is no sshd in a test.

  It does with a command what ssh and sshd do: joins its words and has a shell read the text. What it was called with is
  in a file beside it. The host `nowhere` cannot be reached; `broken` hangs up after so many bytes; `full` has no room for as
  many; `private` has an umask of its own.
  """

  @script ~S"""
  #!/bin/sh
  here=$(dirname "$0")
  printf '%s\n' "$@" >"$here/called"
  while [ "$1" != -- ]; do shift; done
  host=$2; shift 2
  case "$host" in
    *nowhere) echo "ssh: Could not resolve hostname nowhere" >&2; exit 255 ;;
    *broken) head -c 100000 | sh -c "$*"; exit 255 ;;
    *full) trap '' XFSZ; ulimit -f 100; exec sh -c "$*" ;;
    *private) umask 077; exec sh -c "$*" ;;
    # What becomes of ssh is nothing that the other side is told, other than by the end of its input.
    *) exec 3<&0; sh -c "$*" <&3 3<&- & exec </dev/null 3<&-; wait "$!" ;;
  esac
  """

  @doc "Puts one into a directory and the directory in front of PATH; returns PATH as it was."
  @spec install(Path.t()) :: String.t()
  def install(dir) do
    path = Path.join(dir, "ssh")
    File.mkdir_p!(dir)
    File.write!(path, @script)
    File.chmod!(path, 0o755)
    before = System.get_env("PATH")
    System.put_env("PATH", dir <> ":" <> before)
    before
  end

  @doc "The words that it was called with last."
  @spec called(Path.t()) :: [String.t()]
  def called(dir), do: dir |> Path.join("called") |> File.read!() |> String.split("\n", trim: true)
end
