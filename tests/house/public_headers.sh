#!/usr/bin/env bash
# Each public header compiles on its own, brings no third-party header along, and is in strata/strata.h.
# public_headers.sh <compiler> <source root> <generated headers> [<internal header or folder>...]
set -euo pipefail
compiler=$1 source=$2 generated=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

( cd "$source" && find core layers optim data distributed models -name '*.h' | sort ) > "$work/all"
echo core/base/version.h >> "$work/all"
for internal in "$@"; do
  sed -i -e "\|^$internal\$|d" -e "\|^$internal/|d" "$work/all"
done
[ "$(wc -l < "$work/all")" -gt 1 ] || { echo "no public header was found below $source"; exit 1; }

check() {
  local header=$1 name=${1//\//_}
  echo "#include \"$header\"" > "$work/$name.cpp"
  "$compiler" -std=c++20 -fsyntax-only -Wall -Wextra -Wpedantic -Wshadow -Werror -I"$source" -I"$generated" \
    -MMD -MF "$work/$name.user" "$work/$name.cpp" || { echo "$header does not compile on its own"; return 1; }
  "$compiler" -std=c++20 -M -I"$source" -I"$generated" "$work/$name.cpp" | tr -s ' \\' '\n\n' > "$work/$name.d"
  local foreign; foreign=$(grep -m3 -E '/(Eigen|eigen3|oneapi|dnnl[^/]*|hdf5|H5[^/]*|cuda[^/]*|curl|openssl|nlohmann|fmt|CLI)(/|$|\.h)' \
    "$work/$name.d" || true)
  [ -z "$foreign" ] || { echo "$header brings along" $foreign; return 1; }
  local internal
  for internal in $internals; do
    if grep -q -E "/$internal(/|\$)" "$work/$name.d"; then echo "$header includes the internal $internal"; return 1; fi
  done
}
export -f check
export compiler source generated work internals="$*"
xargs -a "$work/all" -P "$(nproc)" -I{} bash -c 'check {}' || { echo "(see above)"; exit 1; }

echo '#include "strata/strata.h"' > "$work/umbrella.cpp"
"$compiler" -std=c++20 -M -I"$source" -I"$generated" "$work/umbrella.cpp" | tr -s ' \\' '\n\n' > "$work/umbrella.d"
missing=0
while read -r header; do
  grep -q "/$header\$" "$work/umbrella.d" || { echo "strata/strata.h does not reach $header"; missing=1; }
done < "$work/all"
[ $missing = 0 ] || exit 1
echo "$(wc -l < "$work/all") public headers stand on their own"
