#!/usr/bin/env bash
# The unit tests and a smoke run once more on Node 24 (npm package "node"), kept apart from the project's own modules.
set -euo pipefail
cd "$(dirname "$0")/.."
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
npm install --prefix "$home" --no-save --no-audit --no-fund --loglevel=error node@24
node24=$home/node_modules/node/bin/node
"$node24" --version
PATH="$(dirname "$node24"):$PATH" "$node24" node_modules/vitest/vitest.mjs run test/raft/core test/locks test/protocol test/service test/server --reporter=dot
