#!/usr/bin/env bash
# Makes a CUDA toolkit out of NVIDIA's wheels on PyPI (cmake/cuda_wheels.txt), with cuDNN and NCCL, for a machine that has only
# the driver: setup_cuda.sh [<folder>]. Without a folder in build/cuda-toolkit, where `cmake --preset cuda` finds it. Downloads
# 1.2 GB and fills 1.7 GB; nothing is installed outside that folder. The wheels are under NVIDIA's licences, which are
# kept in <folder>/licenses.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
target=${1:-$root/build/cuda-toolkit}
wheels=$root/cmake/cuda_wheels.txt

fail() { echo "$0: $1" >&2; exit 1; }
[ "$(uname -sm)" = "Linux x86_64" ] || fail "expected Linux on x86-64; received $(uname -sm), for which no wheels are listed in $wheels"
pip=(python3 -m pip)
"${pip[@]}" --version >/dev/null 2>&1 || fail "pip is needed (Debian: apt-get install python3-pip)"
if cmp -s "$wheels" "$target/wheels.txt"; then
  echo "the CUDA toolkit in $target is complete"
  exit 0
fi
[ ! -e "$target" ] || [ -e "$target/wheels.txt" ] || [ -e "$target/incomplete" ] ||
  fail "$target is there and was not made by this script; name another folder"

rm -rf "$target"
mkdir -p "$target/incomplete"
work=$target/incomplete
echo "fetching NVIDIA's wheels (1.2 GB) ..."
"${pip[@]}" download --quiet --disable-pip-version-check --no-deps --only-binary :all: --no-cache-dir \
  --require-hashes --requirement "$wheels" --dest "$work"
for wheel in "$work"/*.whl; do
  ( cd "$work" && cmake -E tar xf "$wheel" )
  rm "$wheel"
done

# The wheels hold a toolkit in pieces: nvidia/cu13 is its root, cuDNN and NCCL lie beside it.
for part in cu13 cudnn nccl; do cp -al "$work/nvidia/$part/." "$target"/; done
for info in "$work"/*.dist-info; do
  package=$(basename "$info" .dist-info)
  mkdir -p "$target/licenses/$package"
  find "$info" -iname 'licen[cs]e*' -type f -exec cp {} "$target/licenses/$package"/ \;
done
rm -rf "$work"
chmod -R u+x "$target/bin" "$target/nvvm/bin"
ln -s lib "$target/lib64"
# Linkers and CMake look for names without a number.
for library in "$target"/lib/*.so.*; do
  plain=${library%%.so.*}.so
  [ -e "$plain" ] || ln -s "$(basename "$library")" "$plain"
done
cp "$wheels" "$target/wheels.txt"
echo "CUDA $("$target/bin/nvcc" --version | sed -n 's/.*release \([0-9.]*\),.*/\1/p') is in $target"
