#!/usr/bin/env bash
# A program outside the repository: install, find_package, configure, build, run.
# package_test.sh <source root> <build root> <compiler> main.cpp|README.md [<level that this machine can run>...]
# With README.md the program is the one shown there.
set -euo pipefail
source=$1 build=$2 compiler=$3 program=$4
shift 4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

cmake --install "$build" --prefix "$prefix" > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
leak=$(grep -rliE 'eigen|dnnl|hdf5|libzip|protobuf|curl|fmt|json|'"$build" "$prefix"/lib*/cmake "$prefix"/lib*/*/cmake 2>/dev/null || true)
[ -z "$leak" ] || { echo "the package files name private libraries or the build folder:" $leak; exit 1; }

main=$source/tests/package/main.cpp
if [ "$program" = README.md ]; then
  main=$work/readme.cpp
  awk '/^```cpp$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' "$source/README.md" > "$main"
  [ -s "$main" ] || { echo "README.md shows no program"; exit 1; }
fi

cmake -S "$source/tests/package" -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DPROGRAM="$main" \
  -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_CXX_COMPILER_LAUNCHER= -DCMAKE_BUILD_TYPE=Release > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
TIMEFORMAT='%U'  # processor time: the wall clock of a busy machine says little
seconds=$( { time cmake --build "$work/build" > "$work/log" 2>&1; } 2>&1 ) || { cat "$work/log"; exit 1; }
echo "the outside program compiled in $seconds s of processor time"
[ "${seconds%.*}" -lt 10 ] || { echo "expected less than 10 s"; exit 1; }

"$work/build/outside" || exit 1
if [ $# -gt 1 ]; then
  for level in "$@"; do
    said=$(/lib64/ld-linux-x86-64.so.2 --glibc-hwcaps-mask "x86-64-$level" "$work/build/outside")
    [[ "$said" == *"level $level"* ]] || { echo "mask $level: $said"; exit 1; }
  done
  echo "the install serves the levels $*"
fi
