#!/usr/bin/env bash
# Tries the image as OpenShift runs it: as an arbitrary user of group 0, who has no name, with a volume of its own and nothing
# else to write to. A node of one serves as process 1, tnl-do runs a command under a lock inside, SIGTERM ends it with 0, and
# after a restart (and after kill -9) it finds its data. Ends with 0 if every step went as promised.
# Needs a Docker engine. DOCKER_BUILD_FLAGS goes to `docker build`; IMAGE names one that is built already.
set -euo pipefail
cd "$(dirname "$0")/.."

ANYBODY=12345:0
NAME=tcpnetlock-image-trial-$$
PATIENCE_SECONDS=60

say() { printf '%4d s  %s\n' "$SECONDS" "$*"; }
fail() {
  say "FAILED: $*"
  docker logs --tail 40 "$NAME" >&2 || true
  exit 1
}
trap 'docker rm -f "$NAME" >/dev/null 2>&1 || true; docker volume rm "$NAME" >/dev/null 2>&1 || true' EXIT

# The first line that the node answers to LINE, asked from within the container.
ask() {
  docker exec "$NAME" node -e '
    const socket = require("node:net").connect(7654, "127.0.0.1")
    socket.end(process.argv[1] + "\n")
    let text = ""
    socket.on("data", (chunk) => { text += chunk })
    socket.on("error", () => process.exit(1))
    socket.on("close", () => process.stdout.write(text.split("\n")[0]))' "$1"
}

await() {
  local deadline=$((SECONDS + PATIENCE_SECONDS))
  until [ "$(ask "$1" 2>/dev/null || true)" = "$2" ]; do
    [ $SECONDS -lt $deadline ] || fail "$1: no $2 within $PATIENCE_SECONDS s"
    sleep 0.2
  done
  say "$1 -> $2"
}

cluster() { ask .stats | grep -o '"cluster":"[^"]*"' | head -n 1; }

image=${IMAGE:-tcpnetlock}
# shellcheck disable=SC2086
[ -n "${IMAGE:-}" ] || docker build ${DOCKER_BUILD_FLAGS:-} -t "$image" .

echo "the image has $(($(docker image inspect -f '{{.Size}}' "$image") / 1000000)) MB"
docker run -d --name "$NAME" --user "$ANYBODY" --read-only --cap-drop ALL --security-opt no-new-privileges \
  -v "$NAME:/data" "$image" >/dev/null
say "started as user and group $ANYBODY, with a read-only root and without capabilities"
await 'lock,name:trial' ok
[ "$(docker exec "$NAME" sh -c 'echo "$(id -u):$(id -g)"')" = "$ANYBODY" ] || fail 'it runs as somebody else'
before=$(cluster)
[ -n "$before" ] || fail 'the node names no cluster'

token=$(docker exec "$NAME" tnl-do --lock-name job -- sh -c 'echo "$TNL_TOKEN"') || fail "tnl-do ended with $?"
case $token in '' | *[!0-9]*) fail "tnl-do gave its command the token '$token'" ;; esac
say "tnl-do ran a command under a lock, token $token"
docker exec "$NAME" tnl status >/dev/null || fail "tnl status ended with $?"

docker exec "$NAME" cat /proc/1/cmdline | tr '\0' ' ' | grep -q tnl-server || fail 'process 1 is not the server'
docker stop --time 20 "$NAME" >/dev/null
status=$(docker inspect -f '{{.State.ExitCode}}' "$NAME")
[ "$status" = 0 ] || fail "after SIGTERM it ended with $status"
say 'SIGTERM ended it with 0'
docker start "$NAME" >/dev/null
await 'lock,name:trial' ok
docker kill "$NAME" >/dev/null
docker start "$NAME" >/dev/null
await 'lock,name:trial' ok
[ "$(cluster)" = "$before" ] || fail "its data was not kept: it was $before, it is $(cluster)"
say 'its data outlived a stop and a kill -9'
echo 'image-trial: passed'
