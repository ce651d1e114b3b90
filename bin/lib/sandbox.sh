# shellcheck shell=bash
# A directory for one run, $sandbox, and the end of everything that runs a program in it, however the run ends.
# Sourced by commands that start nodes.

export PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
export LC_ALL=C.UTF-8 MIX_ENV=test ERL_EPMD_ADDRESS=127.0.0.1
# Ctrl-C ends the VM, without asking what to do.
export ELIXIR_ERL_OPTIONS="${ELIXIR_ERL_OPTIONS:-+fnu} +Bd"
sandbox=$(realpath "$(mktemp -d)")
epmd_was_there=$(epmd -names >/dev/null 2>&1 && echo yes || echo no)

# The processes that run a program of the sandbox.
sandboxed() {
  local exe pid
  for exe in /proc/[0-9]*/exe; do
    pid=${exe#/proc/}
    case $(readlink "$exe" || true) in "$sandbox"/*) echo "${pid%/exe}" ;; esac
  done 2>/dev/null
}

clean_up_sandbox() {
  local pids
  trap '' INT TERM
  kill -KILL %% 2>/dev/null || true
  wait 2>/dev/null || true
  while mapfile -t pids < <(sandboxed) && [ ${#pids[@]} -gt 0 ]; do
    kill -KILL "${pids[@]}" 2>/dev/null || true
    sleep 0.1
  done
  rm -rf "$sandbox"
  # An epmd that was started here and that nobody else uses goes too; it refuses where a node is registered.
  if [ "$epmd_was_there" = no ]; then epmd -kill >/dev/null 2>&1 || true; fi
}
trap clean_up_sandbox EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# In the background, because a shell hears no signal while it runs something in the foreground.
in_sandbox() {
  "$@" <&0 &
  wait "$!"
}
