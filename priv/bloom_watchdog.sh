#!/bin/sh
# Usage: bloom_watchdog.sh PID SECONDS [FILE]
# Kills a process that is still there after so many seconds, unless the file, where one is named, is gone by then.

pid=$1 seconds=$2 file=${3:-}

# The same number may be another process by then.
started() {
  [ -r "/proc/$pid/stat" ] || { kill -0 "$pid" 2>/dev/null && echo running; return; }
  sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f20
}

begun=$(started)
[ -n "$begun" ] || exit 0
while [ "$seconds" -gt 0 ]; do
  sleep 1
  seconds=$((seconds - 1))
  [ -z "$file" ] || [ -e "$file" ] || exit 0
  [ "$(started)" = "$begun" ] || exit 0
done
kill -KILL "$pid"
