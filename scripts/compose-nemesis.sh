#!/usr/bin/env bash
# What `npm run jepsen-lite -- --endpoints … --nemesis-script scripts/compose-nemesis.sh` does to the containers of
# docker-compose.yml: `list`, `start NAME`, `stop NAME`. COMPOSE_PROJECT_NAME names the project, as for docker compose itself.
set -euo pipefail
cd "$(dirname "$0")/.."

if docker compose version >/dev/null 2>&1; then compose() { docker compose "$@"; }; else compose() { docker-compose "$@"; }; fi

case "$1" in
  list) for node in n1 n2 n3; do printf '%s\n' "kill-$node" "pause-$node" "restart-$node"; done ;;
  start) case "$2" in
    kill-*) compose kill -s KILL "${2#kill-}" ;;
    pause-*) compose pause "${2#pause-}" ;;
    restart-*) compose restart "${2#restart-}" ;;
  esac ;;
  stop) case "$2" in
    kill-*) compose up -d --no-build "${2#kill-}" ;;
    pause-*) compose unpause "${2#pause-}" ;;
  esac ;;
esac
