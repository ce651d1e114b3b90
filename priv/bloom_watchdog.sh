#!/bin/sh
# Usage: bloom_watchdog.sh PID SECONDS [FILE BOOT]
# Kills a process that is still there after so many seconds. With a file, unless that is gone by then; and not only
# the process, but also every VM that was started by it and left it, as a daemon: it has BLOOM_BOOT=BOOT.

pid=$1 seconds=$2 file=${3:-} boot=${4:-}

# The same number may be another process by then.
started() {
  [ -r "/proc/$pid/stat" ] || { kill -0 "$pid" 2>/dev/null && echo running; return; }
  sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f20
}

daemons() {
  for comm in /proc/[0-9]*/comm; do
    case "$(cat "$comm" 2>/dev/null)" in beam*) ;; *) continue ;; esac
    if tr '\0' '\n' 2>/dev/null <"${comm%comm}environ" | grep -qxF "BLOOM_BOOT=$boot"; then
      vm=${comm#/proc/}
      echo "${vm%/comm}"
    fi
  done
}

gone() {
  [ -z "$begun" ] || [ "$(started)" != "$begun" ]
}

begun=$(started)
while [ "$seconds" -gt 0 ]; do
  # A daemon goes on when the process that started it has ended.
  case "${RELEASE_COMMAND:-} $boot" in
    "daemon"*" "?*) ;;
    *) if gone; then exit 0; fi ;;
  esac
  [ -z "$file" ] || [ -e "$file" ] || exit 0
  sleep 1
  seconds=$((seconds - 1))
done

[ -z "$file" ] || [ -e "$file" ] || exit 0
gone || kill -KILL "$pid"
[ -z "$boot" ] || for vm in $(daemons); do kill -KILL "$vm"; done
