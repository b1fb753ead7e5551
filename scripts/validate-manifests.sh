#!/usr/bin/env bash
# Holds every manifest against the schemas of Kubernetes, strictly, by kubernetes-validate (PyPI), which carries them along: for
# the versions given, else the oldest that the chart names and the newest there is. Kinds of operators it does not know.
set -euo pipefail
cd "$(dirname "$0")/.."
place=node_modules/.cache/kubernetes-validate
[ -x "$place/bin/kubernetes-validate" ] || { python3 -m venv "$place" && "$place/bin/pip" -q install kubernetes-validate==1.37.0; }
[ $# -gt 0 ] || set -- 1.25.0 1.37.0
for version in "$@"; do
  "$place/bin/kubernetes-validate" -k "$version" --strict --quiet deploy/kubernetes.yaml deploy/examples/*.yaml test/deploy/rendered/*.yaml
  echo "Kubernetes $version: passed"
done
