#!/bin/sh
# The boot guard: boots a release that Bloom has on trial, once, instead of the permanent one.
# Sourced by env.sh, with the launcher's arguments, before anything of the user's. See Bloom.TrialBoot.

bloom_guard() {
  case "${RELEASE_COMMAND:-}" in
    start | start_iex | daemon | daemon_iex) ;;
    *) return 0 ;;
  esac

  # What heart starts later must not inherit which release this one is. It hands the command to a shell.
  case "${HEART_COMMAND:-}" in
    "" | "unset RELEASE_VSN "*) ;;
    *) HEART_COMMAND="unset RELEASE_VSN RELEASE_SYS_CONFIG RELEASE_VM_ARGS RELEASE_REMOTE_VM_ARGS; $HEART_COMMAND" ;;
  esac

  bloom_releases="$RELEASE_ROOT/releases"
  [ -f "$bloom_releases/.bloom-trial" ] || return 0

  # Whoever names a release wants that one, and the release on trial must not be tried again from itself.
  bloom_permanent=$(cut -d' ' -f2 "$bloom_releases/start_erl.data") || return 0
  [ "$RELEASE_VSN" = "$bloom_permanent" ] || return 0

  bloom_vsn='' bloom_seconds=''
  read -r bloom_vsn bloom_seconds <"$bloom_releases/.bloom-trial" || return 0
  case "$bloom_vsn" in "" | .* | *[!A-Za-z0-9.+_-]*) return 0 ;; esac
  case "$bloom_seconds" in "" | *[!0-9]*) return 0 ;; esac
  [ -f "$bloom_releases/$bloom_vsn/env.sh" ] || return 0

  # Used up before the VM starts, also after a power cut: a trial that cannot be used up is not begun.
  mv -f "$bloom_releases/.bloom-trial" "$bloom_releases/.bloom-trial.booted" 2>/dev/null || return 0
  sync "$bloom_releases" 2>/dev/null || sync

  echo "Bloom: release $bloom_vsn boots on trial, $bloom_permanent is still the permanent one" >&2
  sh "$REL_VSN_DIR/bloom_watchdog.sh" "$$" "$bloom_seconds" "$bloom_releases/.bloom-trial.booted" \
    </dev/null >/dev/null 2>&1 &
  RELEASE_VSN="$bloom_vsn" exec "$0" "$@"
}

bloom_guard "$@"
