#!/usr/bin/env bash
# Tries docker-compose.yml on real containers: builds, starts, locks through each published port, kills the leader while a
# lock is held through another node, brings it back, stops and starts all. Then jepsen-lite kills, pauses and restarts
# containers for JEPSEN_SECONDS (600; 0: not at all), while its clients come through the published ports, with the default
# settings of sessions. Ends with 0 if every step went as promised.
# Before that the same with docker-compose.tls.yml: with a token over TLS a lock is granted, without either nothing is answered.
# Needs a Docker engine, openssl, nc (netcat-openbsd) and the ports N1_PORT, N2_PORT, N3_PORT (7654, 7664, 7674).
# DOCKER_BUILD_FLAGS goes to `docker build`.
set -euo pipefail
cd "$(dirname "$0")/.."

# A project of its own: the volumes of a cluster that someone uses are not touched.
PROJECT=tcpnetlock-trial
export N1_PORT=${N1_PORT:-7654} N2_PORT=${N2_PORT:-7664} N3_PORT=${N3_PORT:-7674}
PORTS=("$N1_PORT" "$N2_PORT" "$N3_PORT")
PATIENCE_SECONDS=60

if docker compose version >/dev/null 2>&1; then
  compose() { docker compose -p "$PROJECT" "$@"; }
elif command -v docker-compose >/dev/null; then
  compose() { docker-compose -p "$PROJECT" "$@"; }
else
  echo 'compose-trial: neither "docker compose" nor docker-compose is here' >&2
  exit 2
fi

for program in nc openssl bc; do
  command -v "$program" >/dev/null && continue
  echo "compose-trial: $program is not here" >&2
  exit 2
done

say() { printf '%6.2f s  %s\n' "$(bc <<<"($(date +%s%N) - $started) / 1000000000.0" -l)" "$*"; }
fail() {
  say "FAILED: $*"
  compose logs --no-color --tail 40
  exit 1
}
started=$(date +%s%N)

# The first line that the node at PORT answers to LINE. The connection ends with the answer, and the lock with it.
ask() { printf '%s\r\n' "$2" | timeout 10 nc -N 127.0.0.1 "$1" 2>/dev/null | head -n 1 | tr -d '\r'; }

expect() {
  local answer
  answer=$(ask "$1" "$2" || true)
  [ "$answer" = "$3" ] || fail "port $1: $2: expected $3, got '$answer'"
  say "port $1: $2 -> $answer"
}

# Repeats until the node at PORT answers so.
await() {
  local deadline=$((SECONDS + PATIENCE_SECONDS))
  until [ "$(ask "$1" "$2" || true)" = "$3" ]; do
    [ $SECONDS -lt $deadline ] || fail "port $1: $2: no $3 within $PATIENCE_SECONDS s"
    sleep 0.1
  done
  say "port $1: $2 -> $3"
}

# A text value of the statistics of the node at PORT: its leader, its cluster.
stat() { ask "$1" .stats | grep -o "\"$2\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }

# The connection that holds a lock: a line out, a line in.
hold() {
  printf '%s\r\n' "$1" >&"${HOLDER[1]}"
  IFS= read -r -t 10 answer <&"${HOLDER[0]}" || fail "the holder got no answer to $1"
  answer=${answer%$'\r'}
  [ "$answer" = "$2" ] || fail "the holder: $1: expected $2, got '$answer'"
  say "the holder: $1 -> $answer"
}

container() { compose ps -q "$1"; }

trap 'compose down --volumes --timeout 10 >/dev/null 2>&1' EXIT

# shellcheck disable=SC2086
docker build ${DOCKER_BUILD_FLAGS:-} -t tcpnetlock .
compose down --volumes >/dev/null 2>&1 || true
started=$(date +%s%N)
compose up -d --no-build
say 'three containers are started'
for port in "${PORTS[@]}"; do await "$port" .ping pong; done
for port in "${PORTS[@]}"; do await "$port" "lock,name:trial-$port" ok; done

leader=$(stat "$N1_PORT" leader)
case $leader in
  n1) survivors=("$N2_PORT" "$N3_PORT") back=$N1_PORT ;;
  n2) survivors=("$N1_PORT" "$N3_PORT") back=$N2_PORT ;;
  n3) survivors=("$N1_PORT" "$N2_PORT") back=$N3_PORT ;;
  *) fail "n1 names no leader: '$leader'" ;;
esac
coproc HOLDER { nc 127.0.0.1 "${survivors[0]}"; }
hold 'lock,name:kept' ok
expect "${survivors[1]}" 'lock,name:kept' not-granted

killed=$(container "$leader")
docker kill "$killed" >/dev/null
say "docker kill $leader, the leader"
await "${survivors[1]}" 'lock,name:other' ok
expect "${survivors[1]}" 'lock,name:kept' not-granted
hold .keepalive alive
say "the leader is now $(stat "${survivors[0]}" leader)"

docker start "$killed" >/dev/null
await "$back" 'lock,name:back' ok
expect "$back" 'lock,name:kept' not-granted
hold .keepalive alive
hold release released
await "$back" 'lock,name:kept' ok

for node in n1 n2 n3; do
  deadline=$((SECONDS + PATIENCE_SECONDS))
  until [ "$(docker inspect -f '{{.State.Health.Status}}' "$(container $node)")" = healthy ]; do
    [ $SECONDS -lt $deadline ] || fail "$node did not become healthy"
    sleep 0.5
  done
done
say 'all three containers are healthy'

# Together the nodes stop by themselves; 137 would mean that they had to be killed.
cluster=$(stat "$N1_PORT" cluster)
ids=$(compose ps -q)
compose stop >/dev/null 2>&1
for id in $ids; do
  status=$(docker inspect -f '{{.State.ExitCode}}' "$id")
  [ "$status" = 0 ] || fail "a node ended with $status after SIGTERM"
done
say 'all three ended with 0 after SIGTERM'

compose start >/dev/null 2>&1
await "$N1_PORT" 'lock,name:again' ok
[ "$(stat "$N1_PORT" cluster)" = "$cluster" ] || fail 'the volumes were not kept: this is another cluster'
say "cluster $cluster goes on after a restart of all"

# TLS and accounts. What others have prepared is used, and left alone.
compose down --volumes >/dev/null 2>&1
secrets=./deploy/compose/secrets
[ -e "$secrets" ] || trap 'secured down --volumes --timeout 10 >/dev/null 2>&1; rm -rf "$secrets"' EXIT
deploy/compose/prepare.sh
secured() { compose -f docker-compose.yml -f docker-compose.tls.yml "$@"; }
in_n1() { secured exec -T n1 "$@"; }
secured up -d --no-build
deadline=$((SECONDS + PATIENCE_SECONDS))
until in_n1 tnl-do --lock-name secured -- true 2>/dev/null; do
  [ $SECONDS -lt $deadline ] || fail "no lock over TLS within $PATIENCE_SECONDS s"
  sleep 0.5
done
say 'with TLS and a token a lock is granted'
if in_n1 env -u TNL_TOKEN_FILE tnl-do --lock-name secured -- true 2>/dev/null; then fail 'a lock is granted without a token'; fi
for port in "${PORTS[@]}"; do [ "$(ask "$port" .ping || true)" != pong ] || fail "port $port answers plain text"; done
in_n1 tnl status
for node in n1 n2 n3; do
  until [ "$(docker inspect -f '{{.State.Health.Status}}' "$(secured ps -q $node)")" = healthy ]; do
    [ $SECONDS -lt $deadline ] || fail "$node did not become healthy with TLS"
    sleep 0.5
  done
done
say 'without a token, or without TLS, nothing is; all three are healthy'
secured down --volumes --timeout 20 >/dev/null 2>&1

if [ "${JEPSEN_SECONDS:=600}" -gt 0 ]; then
  compose up -d --no-build
  await "$N1_PORT" 'lock,name:again' ok
  export COMPOSE_PROJECT_NAME=$PROJECT
  npm run -s jepsen-lite -- --seconds "$JEPSEN_SECONDS" --endpoints "127.0.0.1:$N1_PORT,127.0.0.1:$N2_PORT,127.0.0.1:$N3_PORT" \
    --nemesis-script scripts/compose-nemesis.sh || fail 'jepsen-lite found a violation'
fi
echo 'compose-trial: passed'
