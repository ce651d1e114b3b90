#!/bin/sh
# Another Bloom: modules that drive a deployment, and its server, have a function more.
set -e
for module in deployment deployment/walk deployment/driver deployment/recovery metadata safety_monitor; do
  file="lib/bloom/$module.ex"
  sed -i '$d' "$file"
  printf '\n  @doc false\n  def changed, do: true\nend\n' >>"$file"
done
