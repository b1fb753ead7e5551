#!/usr/bin/env bash
# Makes what docker-compose.tls.yml mounts: an authority, a certificate for each node, and accounts with a token for operators
# and one for applications. For a trial on one machine: elsewhere the authority's key stays off the nodes (docs/operations/tls.md).
# Into the directory given, else into `secrets` beside this script. Does nothing where there is one. Needs openssl 1.1.1.
set -euo pipefail
dir=${1:-$(dirname "$0")/secrets}
[ ! -e "$dir" ] || { echo "prepare: $dir is there already: remove it for new ones" >&2; exit 0; }
umask 077
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
# What is unfinished is of no use to anybody.
trap 'rm -rf "$dir"' ERR
key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)

openssl req -x509 "${key[@]}" -days 3650 -subj '/CN=TcpNetLock Compose' -keyout "$dir/ca.key" -out "$dir/ca.crt" 2>/dev/null

token() { # token NAME: writes NAME.token, prints its hash
  printf 'tnl_%s' "$(openssl rand -hex 32)" >"$dir/$1.token"
  openssl dgst -sha256 -r "$dir/$1.token" | cut -d ' ' -f 1
}
cat >"$dir/auth.yaml" <<END
# Who may what: docs/operations/access.md.
identities:
  operators:
    tokens: ["sha256:$(token operators)"]
    may: { "": [lock, see, break] }
    cluster: [members, transfer, snapshot, shutdown]
  applications:
    tokens: ["sha256:$(token applications)"]
    may: { "": [lock, see] }
END

for node in n1 n2 n3; do
  mkdir "$dir/$node"
  openssl req "${key[@]}" -subj "/CN=$node" -keyout "$dir/$node/tls.key" -out "$dir/$node/request" 2>/dev/null
  names="DNS:$node,DNS:localhost,IP:127.0.0.1,URI:tnl://compose/$node"
  printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n' "$names" >"$dir/$node/extensions"
  openssl x509 -req -in "$dir/$node/request" -days 825 -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial \
    -extfile "$dir/$node/extensions" -out "$dir/$node/tls.crt" 2>/dev/null
  rm "$dir/$node/request" "$dir/$node/extensions"
  cp "$dir/ca.crt" "$dir/auth.yaml" "$dir/operators.token" "$dir/$node/"
done

# The image runs as user 1000, who must read its own.
if [ "$(id -u)" = 0 ]; then
  chown -R 1000 "$dir"/n?
elif [ "$(id -u)" != 1000 ]; then
  chmod go+x "$dir"
  chmod -R go+rX "$dir"/n?
  echo "prepare: you are not user 1000, as whom the image runs, so everybody on this machine may read $dir/n?" >&2
fi
echo "certificates, accounts and tokens are in $dir"
