#!/usr/bin/env bash
# The README's terminal session: a command under a lock, and kill -9 of the leader while it runs. Prints what it does.
set -euo pipefail
cd "$(dirname "$0")/.."
node scripts/ensure-built.js

log=$(mktemp)
node dist/cli/tnl.js cluster >"$log" 2>&1 &
cluster=$!
trap 'kill -INT "$cluster" 2>/dev/null || true; wait "$cluster" 2>/dev/null || true; rm -f "$log"' EXIT
until grep -q 'Ctrl-C ends all' "$log"; do sleep 0.1; done
endpoints=$(grep -oE 'endpoints [^ ]+' "$log" | head -n 1 | cut -d' ' -f2)
leader_pid=$(awk '$3 == "leader" { print $2 }' "$log")
leader=$(awk '$3 == "leader" { print $1 }' "$log")

tnl() { node dist/cli/tnl.js "$@"; }
tnl_do() { node dist/cli/tnl-do.js "$@"; }
show() { printf '\n$ %s\n' "$*"; }

show "tnl-do --endpoints $endpoints --lock-name demo -- sh -c 'echo \"running under token \$TNL_TOKEN\"; sleep 4; echo done' &"
tnl_do --endpoints "$endpoints" --lock-name demo -- sh -c 'echo "running under token $TNL_TOKEN"; sleep 4; echo done' &
holder=$!
sleep 1
show "kill -9 $leader_pid      # $leader, the leader, which has the client"
kill -9 "$leader_pid"
sleep 1
show "tnl-do --endpoints $endpoints --lock-name demo -- true; echo \$?      # a rival, while the command runs on"
status=0
tnl_do --endpoints "$endpoints" --lock-name demo -- true || status=$?
echo "$status"
show "tnl status --endpoints $endpoints"
tnl status --endpoints "$endpoints"
show "wait %1; echo \$?      # the command, undisturbed"
status=0
wait "$holder" || status=$?
echo "$status"
