#!/usr/bin/env bash
# Holds every manifest against the schemas of Kubernetes, strictly, by kubernetes-validate (PyPI), which carries them along: for
# the versions given, else the oldest that the chart names and the newest there is. Kinds of operators it does not know. A manifest
# that says "# Needs Kubernetes 1.29" is left out for older ones.
set -euo pipefail
cd "$(dirname "$0")/.."
place=node_modules/.cache/kubernetes-validate
[ -x "$place/bin/kubernetes-validate" ] || { python3 -m venv "$place" && "$place/bin/pip" -q install kubernetes-validate==1.37.0; }
[ $# -gt 0 ] || set -- 1.25.0 1.37.0
for version in "$@"; do
  manifests=()
  for manifest in deploy/kubernetes.yaml deploy/examples/*.yaml test/deploy/rendered/*.yaml; do
    needed=$(sed -n 's/^# Needs Kubernetes \([0-9.]*[0-9]\).*/\1/p' "$manifest")
    if [ "$(printf '%s\n' "${needed:-0}" "$version" | sort -V | head -n 1)" = "${needed:-0}" ]; then
      manifests+=("$manifest")
    else
      echo "Kubernetes $version: left out: $manifest needs $needed"
    fi
  done
  "$place/bin/kubernetes-validate" -k "$version" --strict --quiet "${manifests[@]}"
  echo "Kubernetes $version: ${#manifests[@]} files passed"
done
