#!/usr/bin/env bash
# What libstrata loads with the program, and what it says when a module (core/base/module.h) is missing or damaged.
# modules.sh <build root> <probe> <library>...
set -euo pipefail
build=$1 probe=$2
shift 2
fail() { echo "$1"; exit 1; }

for library in "$@"; do
  needed=$(readelf -d "$library" | grep NEEDED)
  early=$(grep -E 'hdf5|curl|crypto|libzip|libmpi' <<< "$needed" || true)
  [ -z "$early" ] || fail "$library loads with the program what belongs to a module: $early"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work" > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
modules=$(dirname "$(find "$work" -name strata-read)")
for module in "$modules"/*.so; do
  leaving=$(nm -D --defined-only "$module")
  [ -z "$leaving" ] || fail "$module exports: $leaving"
done

# LD_LIBRARY_PATH comes before the program's run path.
said() { LD_LIBRARY_PATH=$(dirname "$modules") "$probe" "$work/a.weights.h5"; }
expect() {  # expect <when> <pattern>
  local answer; answer=$(said)
  # shellcheck disable=SC2053  # the right side is a pattern
  [[ "$answer" == $2 ]] || fail "$1: $answer"
}
expect "all modules there" saved
mv "$modules/hdf5.so" "$work"
expect "no module" "?strata/hdf5.so? the module was not found beside the library in $(dirname "$modules")*; install Strata anew*"
echo "no library" > "$modules/hdf5.so"
expect "a damaged module" "?$modules/hdf5.so? this part of Strata cannot be loaded: file too short. Install *"
cp "$modules/zip.so" "$modules/hdf5.so"
expect "another module in its place" "?$modules/hdf5.so? this part of Strata is of another version than the library"
mv "$work/hdf5.so" "$modules"
expect "the module back" saved
echo "the library needs $(wc -l <<< "$needed") libraries; modules are loaded later, or it says why not"
