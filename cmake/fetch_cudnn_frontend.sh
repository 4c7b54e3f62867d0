#!/usr/bin/env bash
# Fetches the headers of cudnn-frontend 1.19 from PyPI and unpacks them: fetch_cudnn_frontend.sh <folder>
# The folder receives include/ (cudnn_frontend.h) and LICENSE.txt. Needs pip, cmake and sha256sum.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: $0 <folder>" >&2; exit 2; }
version=1.19.0
target=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

pip=(python3 -m pip)
"${pip[@]}" --version >/dev/null 2>&1 || { echo "$0: pip is needed (Debian: apt-get install python3-pip)" >&2; exit 1; }
# The headers are the same in the wheels for every Python and processor: one is named, so that its checksum is known.
"${pip[@]}" download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
  --implementation cp --python-version 311 --abi cp311 --platform manylinux_2_28_x86_64 \
  --dest "$work" "nvidia-cudnn-frontend==$version"

( cd "$work" && sha256sum --quiet --check - <<'SUMS'
735c62e35b88943b83bbf03e364aa62d1cfa36f204a28b206163008a89cecbf6  nvidia_cudnn_frontend-1.19.0-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl
SUMS
)
( cd "$work" && cmake -E tar xf ./*.whl )
mkdir -p "$target"
cp -a "$work/include" "$work/nvidia_cudnn_frontend-$version.dist-info/licenses/LICENSE.txt" "$target"/
echo "cudnn-frontend $version is in $target"
