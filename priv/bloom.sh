#!/bin/sh
# Bloom's client: asks the running node of this release, over Erlang distribution. See bin/bloom --help.
set -e

SELF=$(readlink "$0" || true)
if [ -z "$SELF" ]; then SELF="$0"; fi
RELEASE_ROOT="$(CDPATH='' cd "$(dirname "$SELF")/.." && pwd -P)"
export RELEASE_ROOT
RELEASE_VSN="${RELEASE_VSN:-"$(cut -d' ' -f2 "$RELEASE_ROOT/releases/start_erl.data")"}"
export RELEASE_VSN
REL_VSN_DIR="$RELEASE_ROOT/releases/$RELEASE_VSN"

# A release has one .rel file, by its name.
bloom_rel=$(ls "$REL_VSN_DIR"/*.rel)
RELEASE_NAME="${RELEASE_NAME:-"$(basename "$bloom_rel" .rel)"}"
export RELEASE_NAME
# To env.sh it is what bin/NAME rpc is.
RELEASE_COMMAND=rpc
RELEASE_PROG=bloom
export RELEASE_COMMAND RELEASE_PROG

# shellcheck source=/dev/null
. "$REL_VSN_DIR/env.sh"

RELEASE_COOKIE="${RELEASE_COOKIE:-"$(cat "$RELEASE_ROOT/releases/COOKIE")"}"
RELEASE_NODE="${RELEASE_NODE:-"$RELEASE_NAME"}"
RELEASE_REMOTE_VM_ARGS="${RELEASE_REMOTE_VM_ARGS:-"$REL_VSN_DIR/remote.vm.args"}"
RELEASE_DISTRIBUTION="${RELEASE_DISTRIBUTION:-"sname"}"
RELEASE_BOOT_SCRIPT_CLEAN="${RELEASE_BOOT_SCRIPT_CLEAN:-"start_clean"}"
export RELEASE_COOKIE RELEASE_NODE RELEASE_DISTRIBUTION

# A VM does not know what it writes to. Whoever passes on what is said here may have a terminal, too.
if [ -t 1 ]; then BLOOM_TERMINAL=yes; fi
BLOOM_TERMINAL="${BLOOM_TERMINAL:-no}"
export BLOOM_TERMINAL

# A client that is interrupted is no crash.
ERL_CRASH_DUMP_SECONDS=0
export ERL_CRASH_DUMP_SECONDS

# A VM can catch TERM, and not what Ctrl-C is. It is in the background, as a shell catches nothing while it waits for
# something in the foreground.
bloom_client='' bloom_asked=''
bloom_interrupt() {
  bloom_asked=yes
  if [ -n "$bloom_client" ]; then kill -s TERM "$bloom_client" 2>/dev/null || true; fi
}
trap bloom_interrupt INT TERM HUP

"$REL_VSN_DIR/elixir" \
  --erl "+Bi +S 1:1 +sbwt none" \
  --boot "$REL_VSN_DIR/$RELEASE_BOOT_SCRIPT_CLEAN" \
  --boot-var RELEASE_LIB "$RELEASE_ROOT/lib" \
  --vm-args "$RELEASE_REMOTE_VM_ARGS" \
  --eval "Bloom.CLI.main(System.argv())" -- "$@" </dev/null &
bloom_client=$!
if [ -n "$bloom_asked" ]; then bloom_interrupt; fi

# A signal ends the wait, not the client.
bloom_status=0
wait "$bloom_client" || bloom_status=$?
while kill -0 "$bloom_client" 2>/dev/null; do
  bloom_status=0
  wait "$bloom_client" || bloom_status=$?
done
exit "$bloom_status"
