#!/usr/bin/env bash
# Shows that jepsen-lite notices what it is for: attacks servers with a bug put in on purpose, one after the other, and wants
# each convicted. `scripts/convict.sh [MUTANT...]` (default: the coarse ones, J1 to J5, and Y410, without the rule of relays);
# SECONDS_EACH (300) and SEED (101).
set -uo pipefail
cd "$(dirname "$0")/.."
node scripts/ensure-built.js || exit 2

mutants=("$@")
[ $# -gt 0 ] || mutants=(J1 J2 J3 J4 J5 Y410)
out=test-results/convict
passed=0 failed=0
for id in "${mutants[@]}"; do
  if ! title=$(npm run -s mutants -- --build "$id" --out "$out/$id/build" | tail -n 1); then exit 2; fi
  npm run -s jepsen-lite -- --seconds "${SECONDS_EACH:-300}" --seed "${SEED:-101}" --server "$out/$id/build/dist/cli/tnl-server.js" \
    --out "$out/$id/run" >"$out/$id/log" 2>&1
  status=$?
  checks=$(sed -n 's/^violation (\([a-z-]*\)).*/\1/p' "$out/$id/log" | sort | uniq -c | awk '{ printf "%s%s %s", sep, $2, $1; sep = ", " }')
  printf '%s  %s\n    %s: %s\n' "$id" "${title#*: }" "$(tail -n 1 "$out/$id/log")" "${checks:-nothing found}"
  if [ $status -eq 1 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
