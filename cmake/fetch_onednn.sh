#!/usr/bin/env bash
# Fetches oneDNN 3.2 (CPU, GNU OpenMP) from PyPI and unpacks it: fetch_onednn.sh <folder>
# The folder receives include/ and lib/ (with lib/cmake/dnnl). Needs pip and cmake.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: $0 <folder>" >&2; exit 2; }
version=2023.2.0  # the wheels' number for oneDNN 3.2
target=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

pip=(python3 -m pip)
"${pip[@]}" --version >/dev/null 2>&1 || { echo "$0: pip is needed (Debian: apt-get install python3-pip)" >&2; exit 1; }
"${pip[@]}" download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
  --dest "$work" "onednn-cpu-gomp==$version" "onednn-devel-cpu-gomp==$version"

( cd "$work" && sha256sum --quiet --check - <<'SUMS'
2f22a54d6a890ed14bfa185d42a4be65d8b5b1df85dc1f0f3a9abe31620416fb  onednn_cpu_gomp-2023.2.0-py2.py3-none-manylinux1_x86_64.whl
9763c69e8c907e119056bd52ad918ca84ac9ba939d130a99dfa95ccca3e5e284  onednn_devel_cpu_gomp-2023.2.0-py2.py3-none-manylinux1_x86_64.whl
SUMS
)
for wheel in "$work"/*.whl; do ( cd "$work" && cmake -E tar xf "$wheel" ); done
mkdir -p "$target"
cp -a "$work"/*.data/data/. "$target"/
echo "oneDNN of the wheels $version is in $target"
