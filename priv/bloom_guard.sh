#!/bin/sh
# The boot guard: boots a release that Bloom has on trial, once, instead of the permanent one.
# Sourced by env.sh, with the launcher's arguments, before anything of the user's. See Bloom.TrialBoot.

# heart starts the launcher with the environment of the VM that ended, and so with the release that this one was
# started as. The permanent one may be another by now.
bloom_forget() {
  unset BLOOM_BOOT RELEASE_VSN
  case "${RELEASE_VM_ARGS:-}" in "$RELEASE_ROOT/releases/"*) unset RELEASE_VM_ARGS ;; esac
  case "${RELEASE_REMOTE_VM_ARGS:-}" in "$RELEASE_ROOT/releases/"*) unset RELEASE_REMOTE_VM_ARGS ;; esac
  case "${RELEASE_SYS_CONFIG:-}" in "$RELEASE_ROOT/releases/"* | *.runtime) unset RELEASE_SYS_CONFIG ;; esac
}

# In the background and no child of the VM, which would not know it.
bloom_watch() {
  (sh "$REL_VSN_DIR/bloom_watchdog.sh" "$@" </dev/null >/dev/null 2>&1 &)
}

bloom_tell() {
  bloom_asked=$1
  [ -z "$bloom_child" ] || kill -s "$1" "$bloom_child" 2>/dev/null || true
}

# Nothing inside a container can kill its first process, so a trial must not be it. This shell stays in its place.
bloom_boot_below() {
  # Before the child is there, or a signal meanwhile would be lost: the kernel drops what its first process does not handle.
  bloom_child='' bloom_asked=''
  trap 'bloom_tell TERM' TERM INT QUIT HUP
  trap 'bloom_tell USR1' USR1
  exec 3<&0
  RELEASE_VSN="$bloom_vsn" sh "$0" "$@" <&3 3<&- &
  bloom_child=$!
  exec 3<&-
  [ -z "$bloom_asked" ] || bloom_tell "$bloom_asked"
  bloom_watch "$bloom_child" "$bloom_seconds" "$bloom_booted" "$bloom_vsn $bloom_child"
  bloom_status=0
  wait "$bloom_child" || bloom_status=$?
  # A signal ends the wait, not the VM.
  while kill -0 "$bloom_child" 2>/dev/null; do
    bloom_status=0
    wait "$bloom_child" || bloom_status=$?
  done
  exit "$bloom_status"
}

bloom_guard() {
  case "${RELEASE_COMMAND:-}" in
    start | start_iex | daemon | daemon_iex) ;;
    *) return 0 ;;
  esac

  # Which boot this is, for whatever the VM starts. It is this one after an exec.
  case "${BLOOM_BOOT:-}" in
    "$RELEASE_VSN $$") ;;
    "$RELEASE_VSN "*) bloom_forget && exec sh "$0" "$@" ;;
  esac
  BLOOM_BOOT="$RELEASE_VSN $$"
  export BLOOM_BOOT

  bloom_armed="$RELEASE_ROOT/releases/.bloom-trial"
  bloom_booted="$bloom_armed.booted"
  [ -f "$bloom_armed" ] || return 0

  # Whoever names a release wants that one, and the release on trial must not be tried again from itself.
  bloom_permanent=$(cut -d' ' -f2 "$RELEASE_ROOT/releases/start_erl.data") || return 0
  [ "$RELEASE_VSN" = "$bloom_permanent" ] || return 0

  bloom_vsn='' bloom_seconds=''
  read -r bloom_vsn bloom_seconds <"$bloom_armed" || return 0
  case "$bloom_vsn" in "" | .* | *[!A-Za-z0-9.+_~-]*) return 0 ;; esac
  case "$bloom_seconds" in "" | *[!0-9]*) return 0 ;; esac
  [ -f "$RELEASE_ROOT/releases/$bloom_vsn/env.sh" ] || return 0

  # Used up before the VM starts, also after a power cut: a trial that cannot be used up is not begun.
  mv -f "$bloom_armed" "$bloom_booted" 2>/dev/null || return 0
  sync "$RELEASE_ROOT/releases" 2>/dev/null || sync

  echo "Bloom: release $bloom_vsn boots on trial, $bloom_permanent is still the permanent one" >&2
  unset BLOOM_BOOT
  if [ "$$" = 1 ]; then bloom_boot_below "$@"; fi
  bloom_watch "$$" "$bloom_seconds" "$bloom_booted" "$bloom_vsn $$"
  RELEASE_VSN="$bloom_vsn" exec sh "$0" "$@"
}

bloom_guard "$@"
