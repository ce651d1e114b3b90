defmodule Bloom.Remote do
  @moduledoc """
  Runs `bin/bloom` of a deployed release, on this machine or over ssh, for the `mix bloom.*` tasks.

  What it says goes where this VM's own output goes, untouched, and its exit code comes back. At the end
  of this VM, or of the connection as soon as the server notices that, it is interrupted: which leaves a deployment to the
  node.

  ssh must be able to log in by itself (a key, an agent), as it has no terminal to ask on. What it needs to know of a
  host beyond its name stands in `~/.ssh/config`.
  """

  alias Bloom.Remote.{Shell, Target}

  # The first line of its input is the secret, which thus is in no list of processes. The end of it is the end of who
  # asked, or of the connection, and an interruption: without a terminal ssh passes on no signal.
  @run ~S"""
  IFS= read -r secret; [ -z "$secret" ] || export BLOOM_SECRET="$secret";
  bloom=$1 terminal=$2;
  if [ "$terminal" = yes ]; then export BLOOM_TERMINAL=yes TERM="$3" NO_COLOR="$4"; fi;
  shift 4;
  [ -x "$bloom" ] || { echo "there is no $bloom: deploy a release that was built with Bloom.Release.prepare there first" >&2; exit 1; };
  exec 3<&0;
  "$bloom" "$@" </dev/null 3<&- & bloom=$!;
  { while read -r line; do :; done; kill -s TERM "$bloom"; } <&3 >/dev/null 2>&1 & watcher=$!;
  exec </dev/null 3<&-;
  wait "$bloom"; code=$?;
  kill "$watcher" 2>/dev/null;
  exit "$code"
  """

  # Descriptor 3 ends with this VM. The shell has it open, too, so that writing to it does not fail where ssh has ended.
  @beside ~S"""
  "$@" <&3 3<&- 4>&-
  exit "$?"
  """

  # What Erlang tells its own children, and mix its: not for another release's VM.
  @private ~w(ROOTDIR BINDIR EMU PROGNAME MIX_ENV MIX_TARGET MIX_BUILD_PATH)

  @ssh_failed 255
  @no_answer 3

  @doc "Runs `bin/bloom` with these arguments there and returns its exit code; 3 where ssh does not get there."
  @spec run(Target.t(), [String.t()]) :: non_neg_integer()
  def run(%Target{} = target, args) do
    bloom = Path.join(target.root, "bin/bloom")
    words = Shell.script(@run, [bloom | terminal(target)] ++ args)

    case {target.host, target |> command(words) |> beside()} do
      {host, @ssh_failed} when host != nil -> @no_answer
      {_host, code} -> code
    end
  end

  @doc """
  The words of a command on the target: by ssh, or as they are.

      iex> {:ok, target} = Bloom.Remote.Target.parse("me@there:/opt/my_app")
      iex> Bloom.Remote.command(target, ["ls", "a b"])
      ["ssh", "-o", "BatchMode=yes", "--", "me@there", "'ls' 'a b'"]
  """
  @spec command(Target.t(), [String.t()]) :: [String.t()]
  def command(%Target{host: nil}, words), do: words
  def command(%Target{host: host}, words), do: ["ssh", "-o", "BatchMode=yes", "--", host, Shell.line(words)]

  # There is no terminal on the other side; that there is one here is said to it.
  defp terminal(%{host: host}) do
    terminal = if host != nil and IO.ANSI.enabled?(), do: "yes", else: "no"
    [terminal | for(name <- ["TERM", "NO_COLOR"], do: System.get_env(name, ""))]
  end

  # It has the VM's own input and output, so nothing is read and written again on the way.
  defp beside(words) do
    port =
      Port.open({:spawn_executable, "/bin/sh"}, [
        :nouse_stdio,
        :exit_status,
        args: ["-c", @beside, "bloom" | words],
        env: for(name <- @private, do: {to_charlist(name), false})
      ])

    Port.command(port, [System.get_env("BLOOM_SECRET", ""), "\n"])
    receive do: ({^port, {:exit_status, code}} -> code)
  end
end
